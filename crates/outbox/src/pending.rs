//! How many rows wait for SQS.
//!
//! The number is kept in memory, from what this instance adds and what it ends. Other instances do so as well, so from time
//! to time it is corrected by a count: of index entries, apart from the relay's work, for a hundredth of the time at most.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{NEVER, Outbox, milliseconds_now};

/// Between two counts, at least.
const PAUSE: Duration = Duration::from_secs(1);
/// And at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A pause is so many times as long as the count before it took.
const PAUSE_PER_COUNT: u32 = 100;

/// The number in memory.
#[derive(Default)]
pub(super) struct Pending {
    rows: AtomicI64,
    /// When the oldest row's event was made, as it was at the last count, in milliseconds since 1970; 0: there was none.
    oldest: AtomicI64,
}

impl Pending {
    pub(super) fn added(&self, rows: usize) {
        self.rows.fetch_add(rows as i64, Ordering::Relaxed);
    }

    pub(super) fn ended(&self, rows: usize) {
        self.rows.fetch_sub(rows as i64, Ordering::Relaxed);
    }

    pub(super) fn rows(&self) -> usize {
        // Below zero it is when this instance has sent what another one has added since the last count.
        usize::try_from(self.rows.load(Ordering::Relaxed)).unwrap_or(0)
    }

    pub(super) fn oldest(&self) -> Duration {
        match self.oldest.load(Ordering::Relaxed) {
            made if made > 0 && self.rows() > 0 => {
                Duration::from_millis(u64::try_from(milliseconds_now() - made).unwrap_or(0))
            }
            _ => Duration::ZERO,
        }
    }
}

impl Outbox {
    /// Corrects the number until told to stop. A read that never returns keeps nothing else waiting, the stop included.
    pub(crate) async fn keep_counting(&self, queue: &str, stop: &CancellationToken) {
        let mut pause = Duration::ZERO;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(pause) => {}
            }
            let begun = Instant::now();
            if let Err(error) = self.correct(stop).await {
                tracing::warn!(queue, %error, "the outbox cannot be counted");
            }
            pause = (begun.elapsed() * PAUSE_PER_COUNT).clamp(PAUSE, LONGEST_PAUSE);
        }
    }

    async fn correct(&self, stop: &CancellationToken) -> Result<(), sqlx::Error> {
        let before = self.0.pending.rows.load(Ordering::Relaxed);
        // The index `outbox_due` has all of it. A read ends by itself; dropped, it takes its connection along.
        let count = sqlx::query_as("SELECT COUNT(*), MIN(id) FROM outbox WHERE lease_until < $1").bind(NEVER);
        let (rows, oldest): (i64, Option<String>) = tokio::select! {
            counted = count.fetch_one(self.0.database.reads()) => counted?,
            () = stop.cancelled() => return Ok(()),
        };
        // As a difference: what is added and ended meanwhile is not forgotten.
        self.0.pending.rows.fetch_add(rows - before, Ordering::Relaxed);
        self.0.pending.oldest.store(oldest.as_deref().and_then(made_at).unwrap_or(0), Ordering::Relaxed);
        Ok(())
    }
}

/// An event's id is a UUIDv7, which begins with the milliseconds since 1970 when it was made (RFC 9562, section 5.7).
fn made_at(id: &str) -> Option<i64> {
    let version_7 = id.len() == 36 && id.as_bytes().get(14) == Some(&b'7');
    i64::from_str_radix(&id.get(..13).filter(|_| version_7)?.replace('-', ""), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_events_id_tells_when_it_was_made() {
        // The example of RFC 9562: 2022-02-22 14:22:22 in New York.
        assert_eq!(made_at("017f22e2-79b0-7cc3-98c4-dc0c0c07398f"), Some(1_645_557_742_000));
        for other in ["", "row-1", "f81d4fae-7dec-41d0-a765-00a0c91e6bf6"] {
            assert_eq!(made_at(other), None, "{other}");
        }
    }
}
