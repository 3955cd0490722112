//! A limit on messages per second.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::batch::MAX_ENTRIES;

/// Spaces receives so that no more than `per_second` messages come on average; cheap if there is no limit.
#[derive(Debug)]
pub(super) struct Pace {
    per_second: Option<u32>,
    next: Mutex<Instant>,
}

impl Pace {
    pub(super) fn new(per_second: Option<u32>) -> Self {
        Self { per_second, next: Mutex::new(Instant::now()) }
    }

    /// Waits until messages may be received again; then says how many at most.
    pub(super) async fn ready(&self) -> usize {
        let Some(per_second) = self.per_second else { return MAX_ENTRIES };
        let next = *self.next.lock().unwrap_or_else(PoisonError::into_inner);
        sleep_until(next).await;
        per_second as usize
    }

    /// Takes note of received messages.
    pub(super) fn received(&self, messages: usize) {
        let Some(per_second) = self.per_second else { return };
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        *next = (*next).max(Instant::now()) + Duration::from_secs_f64(messages as f64 / f64::from(per_second));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_more_messages_come_than_the_limit_allows() {
        let pace = Pace::new(Some(20));
        let begun = Instant::now();
        for _ in 0..10 {
            pace.ready().await;
            pace.received(10);
        }
        pace.ready().await;
        assert_eq!(begun.elapsed().as_secs(), 5);
    }
}
