//! Events that have waited for long are told of in the log as well, for whoever counts its lines and does not read `/metrics`.

use std::time::Duration;

use tokio::time::Instant;

/// How long the oldest event may wait before it is told of; the alert `OutboxTooOld` has the same limit.
const LONG: Duration = Duration::from_secs(60);
/// Between two lines: whoever counts them by the minute finds one in each.
const PAUSE: Duration = Duration::from_secs(30);

/// When it was told of last.
#[derive(Default)]
pub(super) struct Overdue(Option<Instant>);

impl Overdue {
    /// Whether it is to be told of now that the oldest event has waited so long.
    pub(super) fn is_to_be_told(&mut self, oldest: Duration, now: Instant) -> bool {
        let is_due = oldest > LONG && self.0.is_none_or(|told| now - told >= PAUSE);
        if is_due {
            self.0 = Some(now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_waited_for_over_a_minute_is_told_of_every_half_a_minute_at_most() {
        let (mut overdue, begin) = (Overdue::default(), Instant::now());
        let mut told =
            |oldest, second| overdue.is_to_be_told(Duration::from_secs(oldest), begin + Duration::from_secs(second));
        assert!(!told(60, 0), "a minute is not over a minute");
        assert!(told(61, 1));
        assert!(!told(90, 30));
        assert!(told(91, 31));
        assert!(!told(0, 62), "the queue is back");
        assert!(told(61, 63), "and away again");
    }
}
