//! The transactional outbox: messages stored in the transaction of the change that they tell about.
//!
//! Each service's schema has this table:
//!
//! ```sql
//! CREATE TABLE outbox (
//!     id          TEXT PRIMARY KEY,           -- the event's id
//!     subject     TEXT NOT NULL,              -- what it is about, for the logs
//!     body        TEXT NOT NULL,
//!     traceparent TEXT NOT NULL,
//!     attempts    BIGINT NOT NULL DEFAULT 0,
//!     lease_until BIGINT NOT NULL DEFAULT 0,  -- milliseconds since 1970; a relay has it until then
//!     fault       TEXT                        -- why SQS refused it; it is set aside
//! );
//! CREATE INDEX outbox_due ON outbox (lease_until, id);
//! ```
//!
//! A relay takes a lease on rows (`claim`), and says what became of them (`settle`). What SQS refuses stays, set aside,
//! until a person decides ([`SetAside`]).

mod claim;
mod metrics;
mod pending;
pub mod relay;
mod set_aside;
mod settle;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use database::{Database, WriteError};
use sqlx::AnyConnection;
use tokio::sync::Notify;

use sqs::batch::MAX_ENTRIES;
use sqs::trace::TraceContext;

use claim::Claim;
pub use claim::claim_statement;
pub(crate) use claim::{Claimed, Claims};
pub use metrics::Metrics;
use pending::Pending;
pub use relay::Relay;
pub use set_aside::SetAside;
pub(crate) use settle::Settlement;

/// The lease of a row that is set aside.
const NEVER: i64 = i64::MAX;

/// A service's outbox; cheap to clone.
#[derive(Clone)]
pub struct Outbox(Arc<Inner>);

struct Inner {
    database: Database,
    cap: usize,
    pending: Pending,
    /// Rows committed since the relay last claimed.
    fresh: AtomicUsize,
    wake: Notify,
}

impl Outbox {
    /// The outbox in `database`, meant to hold no more than `cap` rows.
    pub fn new(database: Database, cap: usize) -> Self {
        let (pending, fresh, wake) = Default::default();
        Self(Arc::new(Inner { database, cap, pending, fresh, wake }))
    }

    /// Stores a message in the caller's transaction. One that is already waiting under the same id stays as it is.
    pub async fn add(
        transaction: &mut AnyConnection,
        id: &str,
        subject: &str,
        body: &str,
        trace: TraceContext,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO outbox (id, subject, body, traceparent) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        )
        .bind(id)
        .bind(subject)
        .bind(body)
        .bind(trace.to_string())
        .execute(transaction)
        .await?;
        Ok(())
    }

    /// Tells the relay that a message has been committed, so that it goes out without a polling delay.
    pub fn committed(&self) {
        self.0.pending.added(1);
        self.0.fresh.fetch_add(1, Ordering::Relaxed);
        self.0.wake.notify_one();
    }

    /// Whether so much is waiting for SQS that no more should be accepted.
    pub fn is_full(&self) -> bool {
        self.pending() >= self.0.cap
    }

    /// How many rows are waiting for SQS, as far as this instance knows; those set aside are not among them.
    pub(crate) fn pending(&self) -> usize {
        self.0.pending.rows()
    }

    /// How long the oldest of them has been waiting, as far as was known when they were last counted.
    pub(crate) fn oldest(&self) -> Duration {
        self.0.pending.oldest()
    }

    /// Resolves after the next commit.
    pub(crate) async fn woken(&self) {
        self.0.wake.notified().await;
    }

    /// Whether a full batch has been committed since the last claim.
    pub(crate) fn has_full_batch(&self) -> bool {
        self.0.fresh.load(Ordering::Relaxed) >= MAX_ENTRIES
    }

    /// Takes a lease on the oldest due rows.
    pub(crate) async fn claim(&self, limit: usize) -> Result<Claims, WriteError> {
        self.0.fresh.store(0, Ordering::Relaxed);
        let engine = self.0.database.engine();
        self.0.database.write(Claim { engine, limit: i64::try_from(limit).unwrap_or(i64::MAX) }).await
    }

    /// Takes what became of claimed rows into the table.
    pub(crate) async fn settle(&self, settlement: Settlement) -> Result<(), WriteError> {
        let ended = settlement.ended();
        self.0.database.write(settlement).await?;
        self.0.pending.ended(ended);
        Ok(())
    }
}

fn milliseconds_now() -> i64 {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
}
