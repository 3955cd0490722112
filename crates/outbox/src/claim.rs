//! Taking a lease on rows that are due.

use std::time::Duration;

use database::{Connection, Engine, Key, Write, now};
use sqlx::Row;
use tokio::time::Instant;

use crate::hand_over::Place;
use sqs::batch::OutgoingMessage;
use sqs::trace::TRACEPARENT;

/// How long a row is its relay's. What a crashed instance had is found by a sweep once that is over, and is sent within
/// 15 s of the crash. A send with all its tries takes less; what has less left than that is not sent.
pub(super) const LEASE: Duration = Duration::from_millis(lease_ms!());

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

/// Takes a lease on the oldest rows that are due, at most `$1`.
///
/// PostgreSQL runs several relays at once: each takes what no other is just taking. SQLite has one writer.
pub fn claim_statement(engine: Engine) -> &'static str {
    macro_rules! claim {
        ($engine:ident, $lock:literal) => {
            concat!(
                "UPDATE outbox SET lease_until = ",
                now!($engine),
                " + ",
                lease_ms!(),
                " WHERE id IN (SELECT id FROM outbox WHERE lease_until <= ",
                now!($engine),
                " ORDER BY lease_until, id LIMIT $1",
                $lock,
                ") RETURNING id, subject, body, traceparent, attempts, lease_until"
            )
        };
    }
    match engine {
        Engine::Sqlite => claim!(sqlite, ""),
        Engine::Postgres => claim!(postgres, " FOR UPDATE SKIP LOCKED"),
    }
}

/// At most so many rows.
pub(super) struct Claim(pub(super) i64);

impl Write for Claim {
    type Output = Vec<Claimed>;

    fn key(&self) -> Option<Key> {
        // One at a time.
        Some(Key::of("the outbox's due rows"))
    }

    async fn run(set: &[&Self], connection: &mut Connection) -> Result<Vec<Vec<Claimed>>, sqlx::Error> {
        let mut claims = Vec::with_capacity(set.len());
        for Claim(limit) in set {
            let deadline = Instant::now() + LEASE;
            let statement = claim_statement(connection.engine());
            let found = sqlx::query(statement).bind(*limit).fetch_all(connection.any()).await?;
            let mut rows = Vec::with_capacity(found.len());
            for row in found {
                let message = OutgoingMessage::new(row.try_get::<String, _>("body")?)
                    .with_id(row.try_get::<String, _>("id")?)
                    .with_subject(row.try_get::<String, _>("subject")?)
                    .with_attribute(TRACEPARENT, row.try_get::<String, _>("traceparent")?);
                let attempts = row.try_get::<i64, _>("attempts")? as u32;
                rows.push(Claimed { message, attempts, lease: row.try_get("lease_until")?, deadline, place: None });
            }
            // RETURNING has no order of its own; ids are in the order of their making.
            rows.sort_by(|a, b| a.message.id.cmp(&b.message.id));
            claims.push(rows);
        }
        Ok(claims)
    }
}

/// Frees the rows whose lease ends before then.
pub(super) struct Free(pub(super) i64);

impl Write for Free {
    type Output = ();

    async fn run(set: &[&Self], connection: &mut Connection) -> Result<Vec<()>, sqlx::Error> {
        for Free(before) in set {
            let free = "UPDATE outbox SET lease_until = 0 WHERE lease_until > 0 AND lease_until < $1";
            sqlx::query(free).bind(*before).execute(connection.any()).await?;
        }
        Ok(vec![(); set.len()])
    }
}
