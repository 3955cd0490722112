//! Taking a lease on rows that are due.

use std::collections::BTreeMap;
use std::time::Duration;

use database::{Engine, Write};
use sqlx::{AnyConnection, Row};

use tokio::time::Instant;

use super::milliseconds_now;
use crate::hand_over::Place;
use sqs::batch::OutgoingMessage;
use sqs::trace::TRACEPARENT;

/// How long a row is its relay's. What a crashed instance had is found by a sweep once that is over, and is sent within 15 s of
/// the crash. A send with all its tries takes less; what has less left than that is not sent.
pub(super) const LEASE: Duration = Duration::from_secs(12);

/// A row on which this relay has the lease.
pub(crate) struct Claimed {
    pub(crate) message: OutgoingMessage,
    /// How often sending it has failed.
    pub(crate) attempts: u32,
    /// The row's `lease_until`, the fence: whoever finds another one in the row has lost it.
    pub(crate) lease: i64,
    /// When it is over, by this process's clock, at the earliest.
    pub(crate) deadline: Instant,
    /// Of a row that was handed over: given back when this is dropped.
    #[expect(dead_code, reason = "held, not read")]
    pub(crate) place: Option<Place>,
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

pub(super) struct Claim {
    pub(super) engine: Engine,
    pub(super) limit: i64,
}

impl Write for Claim {
    type Output = Vec<Claimed>;

    async fn run(&self, transaction: &mut AnyConnection) -> Result<Self::Output, sqlx::Error> {
        let deadline = Instant::now() + LEASE;
        let now = milliseconds_now();
        let lease = now.saturating_add(LEASE.as_millis() as i64);
        let found = sqlx::query(claim_statement(self.engine))
            .bind(lease)
            .bind(now)
            .bind(self.limit)
            .fetch_all(transaction)
            .await?;
        let mut rows = Vec::with_capacity(found.len());
        for row in found {
            let message = OutgoingMessage {
                id: row.try_get("id")?,
                subject: row.try_get("subject")?,
                body: row.try_get("body")?,
                attributes: BTreeMap::from([(TRACEPARENT.to_owned(), row.try_get("traceparent")?)]),
            };
            let attempts = row.try_get::<i64, _>("attempts")? as u32;
            rows.push(Claimed { message, attempts, lease, deadline, place: None });
        }
        // RETURNING has no order of its own; ids are in the order of their making.
        rows.sort_by(|a, b| a.message.id.cmp(&b.message.id));
        Ok(rows)
    }
}
