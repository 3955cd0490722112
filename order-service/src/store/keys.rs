//! Idempotency keys are kept for 30 days: longer than a message can live (4 days, 14 more in a dead-letter queue).

use std::time::Duration;

use database::{Write, WriteError};
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::OrderStore;

/// How long a key is kept.
pub(super) const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

struct ForgetKeys {
    before: i64,
}

impl Write for ForgetKeys {
    type Output = u64;

    async fn run(&self, transaction: &mut AnyConnection) -> Result<u64, sqlx::Error> {
        let forgotten = sqlx::query("DELETE FROM idempotency_keys WHERE created_at < $1")
            .bind(self.before)
            .execute(transaction)
            .await?;
        Ok(forgotten.rows_affected())
    }
}

impl OrderStore {
    /// Deletes the keys that were older than 30 days at `now`, and returns how many there were.
    pub async fn forget_old_keys(&self, now: Timestamp) -> Result<u64, WriteError> {
        let before = now.as_millisecond() - KEPT.as_millis() as i64;
        self.database.write(ForgetKeys { before }).await
    }
}
