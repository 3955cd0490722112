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
//!     fault       TEXT                        -- why SQS will never take it
//! );
//! CREATE INDEX outbox_due ON outbox (lease_until, id);
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use database::{Database, Engine, Write, WriteError};
use sqlx::{AnyConnection, Row};
use tokio::sync::Notify;

use crate::batch::{MAX_ENTRIES, OutgoingMessage};
use crate::trace::{TRACEPARENT, TraceContext};

/// Longer than a send with all its tries may take, so that no other relay sends the same rows meanwhile.
const LEASE: Duration = Duration::from_secs(30);
/// The lease of a row that SQS will never take.
const NEVER: i64 = i64::MAX;

/// A service's outbox; cheap to clone.
#[derive(Clone)]
pub struct Outbox(Arc<Inner>);

struct Inner {
    database: Database,
    cap: usize,
    /// Rows to be sent, as of the last count and what has been added since.
    pending: AtomicUsize,
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
        self.0.pending.fetch_add(1, Ordering::Relaxed);
        self.0.fresh.fetch_add(1, Ordering::Relaxed);
        self.0.wake.notify_one();
    }

    /// Whether so much is waiting for SQS that no more should be accepted.
    pub fn is_full(&self) -> bool {
        self.0.pending.load(Ordering::Relaxed) >= self.0.cap
    }

    /// Resolves after the next commit.
    pub(crate) async fn woken(&self) {
        self.0.wake.notified().await;
    }

    /// Whether a full batch has been committed since the last claim.
    pub(crate) fn has_full_batch(&self) -> bool {
        self.0.fresh.load(Ordering::Relaxed) >= MAX_ENTRIES
    }

    /// Counts the rows that are to be sent, those of other instances included and those set aside left out.
    pub(crate) async fn count(&self) -> Result<usize, sqlx::Error> {
        let waiting = sqlx::query_scalar("SELECT COUNT(*) FROM outbox WHERE fault IS NULL");
        let rows: i64 = waiting.fetch_one(self.0.database.reads()).await?;
        let rows = usize::try_from(rows).unwrap_or(0);
        self.0.pending.store(rows, Ordering::Relaxed);
        Ok(rows)
    }

    /// Takes a lease on the oldest due rows.
    pub(crate) async fn claim(&self, limit: usize) -> Result<Vec<Claimed>, WriteError> {
        self.0.fresh.store(0, Ordering::Relaxed);
        let engine = self.0.database.engine();
        self.0.database.write(Claim { engine, limit: i64::try_from(limit).unwrap_or(i64::MAX) }).await
    }

    /// Takes what became of claimed rows into the table.
    pub(crate) async fn settle(&self, settlement: Settlement) -> Result<(), WriteError> {
        let ended = settlement.sent.len() + settlement.set_aside.len();
        self.0.database.write(settlement).await?;
        let subtracted = |pending: usize| Some(pending.saturating_sub(ended));
        let _ = self.0.pending.fetch_update(Ordering::Relaxed, Ordering::Relaxed, subtracted);
        Ok(())
    }
}

/// A row on which this relay has the lease.
pub(crate) struct Claimed {
    pub(crate) message: OutgoingMessage,
    /// How often sending it has failed.
    pub(crate) attempts: u32,
}

impl AsRef<OutgoingMessage> for Claimed {
    fn as_ref(&self) -> &OutgoingMessage {
        &self.message
    }
}

/// Takes a lease on the oldest due rows: until `$1`, on those due at `$2`, at most `$3`.
///
/// PostgreSQL runs several relays at once: each takes what no other is just taking. SQLite has one writer.
pub fn claim_statement(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => {
            "UPDATE outbox SET lease_until = $1 WHERE id IN (\
                 SELECT id FROM outbox WHERE lease_until <= $2 ORDER BY lease_until, id LIMIT $3) \
             RETURNING id, subject, body, traceparent, attempts"
        }
        Engine::Postgres => {
            "UPDATE outbox SET lease_until = $1 WHERE id IN (\
                 SELECT id FROM outbox WHERE lease_until <= $2 ORDER BY lease_until, id LIMIT $3 \
                 FOR UPDATE SKIP LOCKED) \
             RETURNING id, subject, body, traceparent, attempts"
        }
    }
}

struct Claim {
    engine: Engine,
    limit: i64,
}

impl Write for Claim {
    type Output = Vec<Claimed>;

    async fn run(&self, transaction: &mut AnyConnection) -> Result<Self::Output, sqlx::Error> {
        let now = milliseconds_now();
        let rows = sqlx::query(claim_statement(self.engine))
            .bind(now.saturating_add(LEASE.as_millis() as i64))
            .bind(now)
            .bind(self.limit)
            .fetch_all(transaction)
            .await?;
        let mut claimed = Vec::with_capacity(rows.len());
        for row in rows {
            let message = OutgoingMessage {
                id: row.try_get("id")?,
                subject: row.try_get("subject")?,
                body: row.try_get("body")?,
                attributes: BTreeMap::from([(TRACEPARENT.to_owned(), row.try_get("traceparent")?)]),
            };
            claimed.push(Claimed { message, attempts: row.try_get::<i64, _>("attempts")? as u32 });
        }
        // RETURNING has no order of its own; ids are in the order of their making.
        claimed.sort_by(|a, b| a.message.id.cmp(&b.message.id));
        Ok(claimed)
    }
}

/// What became of claimed rows.
#[derive(Default)]
pub(crate) struct Settlement {
    /// Ids of what SQS has taken.
    pub(crate) sent: Vec<String>,
    /// Ids to be tried again, each after a wait.
    pub(crate) retry: Vec<(String, Duration)>,
    /// Ids that SQS will never take, each with its reason.
    pub(crate) set_aside: Vec<(String, String)>,
}

impl Write for Settlement {
    type Output = ();

    async fn run(&self, transaction: &mut AnyConnection) -> Result<(), sqlx::Error> {
        for ids in self.sent.chunks(MAX_ENTRIES) {
            // One statement for any number up to ten: the places left over repeat the last id.
            let mut delete = sqlx::query("DELETE FROM outbox WHERE id IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)");
            for place in 0..MAX_ENTRIES {
                delete = delete.bind(&ids[place.min(ids.len() - 1)]);
            }
            delete.execute(&mut *transaction).await?;
        }
        for (id, wait) in &self.retry {
            sqlx::query("UPDATE outbox SET attempts = attempts + 1, lease_until = $1 WHERE id = $2")
                .bind(milliseconds_now().saturating_add(wait.as_millis() as i64))
                .bind(id)
                .execute(&mut *transaction)
                .await?;
        }
        for (id, fault) in &self.set_aside {
            sqlx::query("UPDATE outbox SET attempts = attempts + 1, lease_until = $1, fault = $2 WHERE id = $3")
                .bind(NEVER)
                .bind(fault)
                .bind(id)
                .execute(&mut *transaction)
                .await?;
        }
        Ok(())
    }
}

fn milliseconds_now() -> i64 {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
}
