//! What became of claimed rows.

use std::time::Duration;

use database::Write;
use sqlx::AnyConnection;

use super::{NEVER, milliseconds_now};
use sqs::batch::MAX_ENTRIES;

/// What became of rows of one claim. Each mark, but the end of a row that was sent, is fenced by the lease: what another
/// relay has claimed since then is that one's.
pub(crate) struct Settlement {
    /// The claim's.
    lease: i64,
    /// Ids of what SQS has taken.
    pub(crate) sent: Vec<String>,
    /// Ids to be tried again, each after a wait.
    pub(crate) retry: Vec<(String, Duration)>,
    /// Ids that SQS has refused, each with its reason.
    pub(crate) set_aside: Vec<(String, String)>,
    /// Ids of what was not tried, or not to the end: free for whoever claims them next.
    pub(crate) released: Vec<String>,
}

impl Settlement {
    /// Nothing yet of rows with that lease.
    pub(crate) fn of(lease: i64) -> Self {
        Self { lease, sent: Vec::new(), retry: Vec::new(), set_aside: Vec::new(), released: Vec::new() }
    }

    /// Whether it says what became of that row.
    pub(crate) fn has(&self, id: &str) -> bool {
        let mut ids = (self.sent.iter().chain(&self.released))
            .chain(self.retry.iter().map(|(id, _)| id))
            .chain(self.set_aside.iter().map(|(id, _)| id));
        ids.any(|settled| settled == id)
    }

    /// How many rows no longer wait for SQS.
    pub(super) fn ended(&self) -> usize {
        self.sent.len() + self.set_aside.len()
    }
}

impl Write for Settlement {
    type Output = ();

    async fn run(&self, transaction: &mut AnyConnection) -> Result<(), sqlx::Error> {
        // One statement for any number up to ten: the places left over repeat the last id.
        for ids in self.sent.chunks(MAX_ENTRIES) {
            let mut delete = sqlx::query("DELETE FROM outbox WHERE id IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)");
            for place in 0..MAX_ENTRIES {
                delete = delete.bind(&ids[place.min(ids.len() - 1)]);
            }
            delete.execute(&mut *transaction).await?;
        }
        for ids in self.released.chunks(MAX_ENTRIES) {
            let mut release = sqlx::query(
                "UPDATE outbox SET lease_until = 0 \
                 WHERE id IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AND lease_until = $11",
            );
            for place in 0..MAX_ENTRIES {
                release = release.bind(&ids[place.min(ids.len() - 1)]);
            }
            release.bind(self.lease).execute(&mut *transaction).await?;
        }
        for (id, wait) in &self.retry {
            sqlx::query(
                "UPDATE outbox SET attempts = attempts + 1, lease_until = $1 WHERE id = $2 AND lease_until = $3",
            )
            .bind(milliseconds_now().saturating_add(wait.as_millis() as i64))
            .bind(id)
            .bind(self.lease)
            .execute(&mut *transaction)
            .await?;
        }
        for (id, fault) in &self.set_aside {
            sqlx::query(
                "UPDATE outbox SET attempts = attempts + 1, lease_until = $1, fault = $2 \
                 WHERE id = $3 AND lease_until = $4",
            )
            .bind(NEVER)
            .bind(fault)
            .bind(id)
            .bind(self.lease)
            .execute(&mut *transaction)
            .await?;
        }
        Ok(())
    }
}
