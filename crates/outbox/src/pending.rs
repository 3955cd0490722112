//! How many rows wait for SQS.
//!
//! The number is kept in memory, from what this instance adds and what it ends. Other instances do so as well, so from time
//! to time it is corrected by a count: of index entries, apart from the relay's work, for a hundredth of the time at most.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{NEVER, Outbox};

/// Between two counts, at least.
const PAUSE: Duration = Duration::from_secs(1);
/// And at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A pause is so many times as long as the count before it took.
const PAUSE_PER_COUNT: u32 = 100;

/// The number in memory.
#[derive(Default)]
pub(super) struct Pending(AtomicI64);

impl Pending {
    pub(super) fn added(&self, rows: usize) {
        self.0.fetch_add(rows as i64, Ordering::Relaxed);
    }

    pub(super) fn ended(&self, rows: usize) {
        self.0.fetch_sub(rows as i64, Ordering::Relaxed);
    }

    pub(super) fn rows(&self) -> usize {
        // Below zero it is when this instance has sent what another one has added since the last count.
        usize::try_from(self.0.load(Ordering::Relaxed)).unwrap_or(0)
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
        let before = self.0.pending.0.load(Ordering::Relaxed);
        // The index `outbox_due` has all of it. A read ends by itself; dropped, it takes its connection along.
        let count = sqlx::query_scalar("SELECT COUNT(*) FROM outbox WHERE lease_until < $1").bind(NEVER);
        let rows: i64 = tokio::select! {
            counted = count.fetch_one(self.0.database.reads()) => counted?,
            () = stop.cancelled() => return Ok(()),
        };
        // As a difference: what is added and ended meanwhile is not forgotten.
        self.0.pending.0.fetch_add(rows - before, Ordering::Relaxed);
        Ok(())
    }
}
