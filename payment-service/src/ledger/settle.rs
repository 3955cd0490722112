//! Concluding a payment: the ledger's row and the result event commit together, or not at all.

use database::{Write, WriteError};
use jiff::Timestamp;
use outbox::Outbox;
use sqlx::AnyConnection;
use sqs::TraceContext;

use super::{Attempt, Conclusion, Ledger, result_event};

/// Whether an attempt could conclude its payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The conclusion is in the ledger and its result on the way.
    Now,
    /// Another attempt has the row; nothing was written.
    Fenced,
}

struct Settle {
    attempt: Attempt,
    conclusion: Conclusion,
    trace: TraceContext,
}

impl Write for Settle {
    type Output = Settled;

    fn contended_row(&self) -> Option<String> {
        Some(self.attempt.order_id.to_string())
    }

    async fn run(&self, transaction: &mut AnyConnection) -> Result<Settled, sqlx::Error> {
        // To the millisecond, as the row keeps it: told again, it is the same event to the letter.
        let now = Timestamp::from_millisecond(Timestamp::now().as_millisecond()).unwrap_or_default();
        let (state, charge_id, reason) = match &self.conclusion {
            Conclusion::Succeeded { charge_id } => ("SUCCEEDED", Some(charge_id.as_str()), None),
            Conclusion::Declined { reason } => ("DECLINED", None, Some(reason.as_str())),
        };
        let order_id = self.attempt.order_id.to_string();
        let updated = sqlx::query(
            "UPDATE payments SET state = $1, charge_id = $2, reason = $3, updated_at = $4 \
             WHERE order_id = $5 AND attempt = $6 AND state = 'CHARGING'",
        )
        .bind(state)
        .bind(charge_id)
        .bind(reason)
        .bind(now.as_millisecond())
        .bind(&order_id)
        .bind(self.attempt.number)
        .execute(&mut *transaction)
        .await?;
        if updated.rows_affected() == 0 {
            return Ok(Settled::Fenced);
        }
        let event = result_event(&self.attempt, &self.conclusion, now);
        Outbox::add(transaction, &event.id.to_string(), &order_id, &event.encode(), self.trace).await?;
        Ok(Settled::Now)
    }
}

impl Ledger {
    /// Concludes a payment. Once this returns `Now`, it is on the disk and its result will be told.
    pub async fn settle(
        &self,
        attempt: Attempt,
        conclusion: Conclusion,
        trace: TraceContext,
    ) -> Result<Settled, WriteError> {
        let settled = self.database.write(Settle { attempt, conclusion, trace }).await?;
        if settled == Settled::Now {
            self.outbox.committed();
        }
        Ok(settled)
    }
}
