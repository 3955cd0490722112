//! When SQS is asked what is in the queues: each question is billed, so only while somebody looks and something moves.
//!
//! After something has moved, the queues are looked at every second; as long as a look brings nothing new, the next one is
//! twice as far away. Once both queues are empty and stay so, or after a while in any case, there is none until something
//! moves again. What moves is known from the services' own counters, which cost nothing.

use std::time::Duration;

/// Between two looks while things move.
const SOON: Duration = Duration::from_secs(1);
/// The last wait before there are no more looks at empty queues.
const CALM: Duration = Duration::from_secs(4);
/// And at those in which something waits that does not move.
const RARELY: Duration = Duration::from_secs(60);

/// Where SQS did not answer, it is asked again: what is not answered is not billed.
const OUTAGE: Duration = Duration::from_secs(2);

/// How long to wait for the next look; none: until something moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace(Option<Duration>);

impl Default for Pace {
    fn default() -> Self {
        Self(Some(Duration::ZERO))
    }
}

impl Pace {
    /// From the last look to the next.
    pub(crate) fn wait(self) -> Option<Duration> {
        self.0
    }

    /// Something has moved, or somebody has come to look.
    pub(crate) fn moved(&mut self) {
        self.0 = Some(self.0.map_or(SOON, |wait| wait.min(SOON)));
    }

    /// SQS did not answer.
    pub(crate) fn failed(&mut self) {
        self.0 = Some(OUTAGE);
    }

    /// A look is over: it brought something new or not, and the queues are empty or not.
    pub(crate) fn looked(&mut self, something_new: bool, empty: bool) {
        let wait = self.0.unwrap_or(SOON).max(SOON);
        self.0 = match something_new {
            true => Some(SOON),
            false if wait >= if empty { CALM } else { RARELY } => None,
            false => Some(wait * 2),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_nothing_moves_any_more_the_looks_end() {
        for (empty, most) in [(true, 4), (false, 8)] {
            let mut pace = Pace::default();
            pace.looked(true, empty);
            let mut looks = 0;
            while pace.wait().is_some() {
                pace.looked(false, empty);
                looks += 1;
            }
            assert!(looks <= most, "{looks} looks");
            pace.moved();
            assert_eq!(pace.wait(), Some(SOON));
        }
    }

    #[test]
    fn what_moves_is_looked_at_every_second() {
        let mut pace = Pace::default();
        pace.looked(true, false);
        assert_eq!(pace.wait(), Some(SOON));
        pace.looked(false, false);
        assert_eq!(pace.wait(), Some(SOON * 2));
        pace.moved();
        pace.looked(true, true);
        assert_eq!(pace.wait(), Some(SOON));
    }
}
