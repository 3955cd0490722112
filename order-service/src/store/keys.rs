//! Idempotency keys, which are kept for longer than a message can live: 4 days, 14 more in a dead-letter queue.

use std::time::Duration;

use database::{Connection, Engine, Key, Write, WriteError};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::OrderStore;

/// How long a key is kept.
pub(crate) const KEYS_KEPT_DAYS: u64 = 30;
const KEPT: Duration = Duration::from_secs(KEYS_KEPT_DAYS * 24 * 60 * 60);

/// Keys that are deleted by one statement, in a few milliseconds: orders that come meanwhile are not kept waiting.
const PIECE: usize = 500;

/// Deletes the oldest keys of an age and returns their ages.
///
/// It begins where the piece before ended: in PostgreSQL's index those that have just been deleted stand first, until they
/// are vacuumed. On PostgreSQL another instance may be at it: each takes what no other is just taking.
pub fn forget_statement(engine: Engine) -> &'static str {
    macro_rules! forget {
        ($lock:literal) => {
            concat!(
                "DELETE FROM idempotency_keys WHERE idempotency_key IN (\
                     SELECT idempotency_key FROM idempotency_keys \
                     WHERE created_at >= $1 AND created_at < $2 ORDER BY created_at LIMIT $3",
                $lock,
                ") RETURNING created_at"
            )
        };
    }
    match engine {
        Engine::Sqlite => forget!(""),
        Engine::Postgres => forget!(" FOR UPDATE SKIP LOCKED"),
    }
}

struct ForgetKeys {
    from: i64,
    before: i64,
}

impl Write for ForgetKeys {
    type Output = Vec<i64>;

    const ALONE: bool = true;

    fn key(&self) -> Option<Key> {
        // One at a time.
        Some(Key::of("the oldest idempotency keys"))
    }

    async fn run(set: &[&Self], connection: &mut Connection) -> Result<Vec<Vec<i64>>, sqlx::Error> {
        let mut pieces = Vec::with_capacity(set.len());
        for ForgetKeys { from, before } in set {
            let forget = sqlx::query_scalar(forget_statement(connection.engine()));
            pieces.push(forget.bind(*from).bind(*before).bind(PIECE as i64).fetch_all(connection.any()).await?);
        }
        Ok(pieces)
    }
}

impl OrderStore {
    /// Deletes the keys that had been kept for so long at `now`, piece by piece until none is left or `stop`, and returns how
    /// many there were.
    pub async fn forget_old_keys(&self, now: Timestamp, stop: &CancellationToken) -> Result<usize, WriteError> {
        let before = now.as_millisecond() - KEPT.as_millis() as i64;
        let (mut from, mut forgotten) = (i64::MIN, 0);
        while !stop.is_cancelled() {
            let piece = self.database.write(ForgetKeys { from, before }).await?;
            forgotten += piece.len();
            if piece.len() < PIECE {
                break;
            }
            from = piece.into_iter().max().unwrap_or(before);
        }
        Ok(forgotten)
    }
}
