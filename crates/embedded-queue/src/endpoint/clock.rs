//! The time that the core is told: it begins as the machine's and never jumps.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::core::Millis;

#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    began: Instant,
    /// What it was then, since 1970.
    then: Duration,
}

impl Clock {
    pub(super) fn start() -> Self {
        let then = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { began: Instant::now(), then }
    }

    pub(super) fn now(&self) -> Millis {
        (self.then + self.began.elapsed()).as_millis() as Millis
    }

    pub(super) async fn sleep_until(&self, time: Millis) {
        tokio::time::sleep_until(self.began + Duration::from_millis(time).saturating_sub(self.then)).await;
    }
}
