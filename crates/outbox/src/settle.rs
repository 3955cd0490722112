//! What became of rows on which this relay had the lease.

use std::time::Duration;

use database::Write;
use sqlx::AnyConnection;

use crate::{Claimed, NEVER, milliseconds_now};

/// What became of a row.
pub(crate) enum Fate {
    /// SQS has taken it: the row is deleted, whoever has the lease by now.
    Sent,
    /// To be tried again after a wait.
    Retry(Duration),
    /// SQS has refused it, for this reason.
    SetAside(String),
    /// Not tried, or not to the end: free for whoever claims it next.
    Released,
}

/// What became of some rows. Each mark, but the end of a row that was sent, is fenced by the row's lease: what another relay
/// has claimed since then is that one's.
#[derive(Default)]
pub(crate) struct Settlement(Vec<Settled>);

struct Settled {
    id: String,
    lease: i64,
    fate: Fate,
}

impl Settlement {
    /// Says what became of a row.
    pub(crate) fn add(&mut self, row: &Claimed, fate: Fate) {
        self.0.push(Settled { id: row.message.id.clone(), lease: row.lease, fate });
    }

    /// Whether it says what became of that row.
    pub(crate) fn has(&self, row: &Claimed) -> bool {
        self.0.iter().any(|settled| settled.id == row.message.id)
    }

    /// How many rows no longer wait for SQS.
    pub(super) fn ended(&self) -> usize {
        self.0.iter().filter(|row| matches!(row.fate, Fate::Sent | Fate::SetAside(_))).count()
    }
}

impl Write for Settlement {
    type Output = ();

    async fn run(&self, transaction: &mut AnyConnection) -> Result<(), sqlx::Error> {
        for Settled { id, lease, fate } in &self.0 {
            let (tried, until, fault) = match fate {
                Fate::Sent => {
                    sqlx::query("DELETE FROM outbox WHERE id = $1").bind(id).execute(&mut *transaction).await?;
                    continue;
                }
                Fate::Released => (0, 0, None),
                Fate::Retry(wait) => (1, milliseconds_now().saturating_add(wait.as_millis() as i64), None),
                Fate::SetAside(reason) => (1, NEVER, Some(reason)),
            };
            sqlx::query(
                "UPDATE outbox SET attempts = attempts + $1, lease_until = $2, fault = $3 \
                 WHERE id = $4 AND lease_until = $5",
            )
            .bind(tried)
            .bind(until)
            .bind(fault)
            .bind(id)
            .bind(lease)
            .execute(&mut *transaction)
            .await?;
        }
        Ok(())
    }
}
