//! Holding on to a claimed row, and letting go of it.

use std::time::Duration;

use database::{Write, WriteError};
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::{Attempt, Ledger};

/// Moves the end of an attempt's lease.
struct SetLease {
    attempt: Attempt,
    /// Counted from now.
    lease: Duration,
}

impl Write for SetLease {
    type Output = bool;

    fn contended_row(&self) -> Option<String> {
        Some(self.attempt.order_id.to_string())
    }

    async fn run(&self, transaction: &mut AnyConnection) -> Result<bool, sqlx::Error> {
        let now = Timestamp::now().as_millisecond();
        let updated = sqlx::query(
            "UPDATE payments SET lease_until = $1, updated_at = $2 \
             WHERE order_id = $3 AND attempt = $4 AND state = 'CHARGING'",
        )
        .bind(now + self.lease.as_millis() as i64)
        .bind(now)
        .bind(self.attempt.order_id.to_string())
        .bind(self.attempt.number)
        .execute(transaction)
        .await?;
        Ok(updated.rows_affected() == 1)
    }
}

impl Ledger {
    /// Keeps the row for another `lease`; false if somebody else has it by now.
    pub async fn renew(&self, attempt: Attempt, lease: Duration) -> Result<bool, WriteError> {
        self.database.write(SetLease { attempt, lease }).await
    }

    /// Lets the next attempt begin at once.
    pub async fn release(&self, attempt: Attempt) -> Result<bool, WriteError> {
        self.database.write(SetLease { attempt, lease: Duration::ZERO }).await
    }
}
