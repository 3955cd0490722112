//! Whether a consumer gets on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// When the consumer last got on: a receive came back, a message was settled, or it had a good reason to wait. Cheap to
/// clone.
#[derive(Clone, Debug)]
pub struct Progress {
    started: Instant,
    last_milliseconds: Arc<AtomicU64>,
    allowed: Duration,
}

impl Progress {
    pub(super) fn new(long_poll: Duration) -> Self {
        Self {
            started: Instant::now(),
            last_milliseconds: Arc::default(),
            allowed: 3 * long_poll.max(Duration::from_secs(5)),
        }
    }

    pub(super) fn made(&self) {
        self.last_milliseconds.store(self.started.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    /// Whether nothing has moved for three long polls.
    pub fn is_stalled(&self) -> bool {
        let last = Duration::from_millis(self.last_milliseconds.load(Ordering::Relaxed));
        self.started.elapsed().saturating_sub(last) > self.allowed
    }
}
