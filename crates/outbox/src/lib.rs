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
//! A row is inserted with its lease already taken by the instance that inserts it, and handed over to that one's relay in
//! memory ([`Message`]). What a crash, another instance or a full hand-over has left, a relay takes a lease on when the one
//! before is over (`claim`). It says what became of the rows (`settle`), each mark fenced by the row's lease. What SQS
//! refuses stays, set aside, until a person decides ([`SetAside`]).

#[macro_use]
mod message;
mod claim;
mod hand_over;
mod metrics;
mod pending;
pub mod relay;
mod set_aside;
mod settle;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use database::{Database, Engine, WriteError};

pub(crate) use claim::Claimed;
pub use claim::claim_statement;
use claim::{Claim, Free, LEASE};
use hand_over::HandOver;
pub use message::{Message, MessageRow};
pub use metrics::Metrics;
use pending::Pending;
pub use relay::Relay;
pub use set_aside::SetAside;
pub(crate) use settle::{Fate, Settlement};

/// The lease of a row that is set aside.
const NEVER: i64 = i64::MAX;

/// A service's outbox; cheap to clone.
#[derive(Clone)]
pub struct Outbox(Arc<Inner>);

struct Inner {
    database: Database,
    cap: usize,
    /// When this outbox was made, by the process's clock.
    begun: i64,
    pending: Pending,
    hand_over: HandOver,
}

impl Outbox {
    /// The outbox in `database`, meant to hold no more than `cap` rows, in memory or not.
    pub fn new(database: Database, cap: usize) -> Self {
        let (pending, hand_over) = (Pending::default(), HandOver::new(cap));
        Self(Arc::new(Inner { database, cap, begun: milliseconds_now(), pending, hand_over }))
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

    /// The rows that this instance commits, on their way to its relay.
    pub(crate) fn hand_over(&self) -> &HandOver {
        &self.0.hand_over
    }

    /// Takes a lease on the oldest rows whose lease is over: those that a crash, another instance or a full hand-over
    /// has left.
    pub(crate) async fn claim(&self, limit: usize) -> Result<Vec<Claimed>, WriteError> {
        self.0.database.write(Claim(i64::try_from(limit).unwrap_or(i64::MAX))).await
    }

    /// On SQLite, where no other process has a relay at work, frees the rows whose lease was taken before this outbox
    /// was made: their instance is gone. To be called when a relay starts. On PostgreSQL it does nothing: they are free
    /// within the lease.
    pub(crate) async fn free_what_was_left(&self) -> Result<(), WriteError> {
        match self.0.database.engine() {
            // What this instance has inserted or claimed ends later.
            Engine::Sqlite => self.0.database.write(Free(self.0.begun.saturating_add(LEASE.as_millis() as i64))).await,
            Engine::Postgres => Ok(()),
        }
    }

    /// Takes what became of rows into the table, those that were sent in one statement.
    pub(crate) async fn settle(&self, settlement: Settlement) -> Result<(), WriteError> {
        let (ended, Settlement { sent, marks }) = (settlement.ended(), settlement);
        let database = &self.0.database;
        let sent = async { if sent.is_empty() { Ok(()) } else { database.write(sent).await } };
        let marks = async { if marks.is_empty() { Ok(()) } else { database.write(marks).await } };
        let (sent, marked) = tokio::join!(sent, marks);
        sent.and(marked)?;
        self.0.pending.ended(ended);
        Ok(())
    }
}

fn milliseconds_now() -> i64 {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
}
