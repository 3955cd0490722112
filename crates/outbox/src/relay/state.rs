//! What a relay knows, and what follows from it. It asks nothing: no clock, no queue, no database.

use std::time::Duration;

use tokio::time::Instant;

use sqs::backoff::Backoff;
use sqs::batch::MAX_ENTRIES;

/// Batch calls under way at once.
const MAX_FLIGHTS: usize = 8;
/// For a queue, or a database, that is out of reach.
const OUTAGE_BACKOFF: Backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(5));

/// Something that the whole relay depends on is out of reach.
pub(super) struct Outage;

#[derive(Debug)]
pub(super) struct State {
    rows: Rows,
    line: Line,
    claiming: bool,
    /// Calls to the queue under way.
    flights: usize,
    stopping: bool,
}

/// What is known of the rows that are due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rows {
    None,
    /// There may be some.
    Some,
    /// The last claim was full, so it has left some.
    Many,
}

/// Whether calls get through.
#[derive(Clone, Copy, Debug)]
enum Line {
    Up,
    /// So many have failed in a row; none before then.
    Down {
        failures: u32,
        until: Instant,
    },
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Claim enough rows for so many calls.
    Claim { calls: usize },
    /// Wait for something to happen, at the latest until then.
    Wait { until: Option<Instant> },
    /// Everything is done that could be done.
    End,
}

impl State {
    pub(super) fn new() -> Self {
        Self { rows: Rows::Some, line: Line::Up, claiming: false, flights: 0, stopping: false }
    }

    /// The next step; `full_batch`: ten messages have been committed since the last claim.
    ///
    /// A first call goes at once, whatever it carries; while calls are under way, a further one starts only if it is full.
    pub(super) fn next(&self, full_batch: bool, now: Instant) -> Step {
        let is_down = matches!(self.line, Line::Down { .. });
        if self.stopping && self.at_rest() && (self.rows == Rows::None || is_down) {
            return Step::End;
        }
        if self.claiming || self.rows == Rows::None {
            return Step::Wait { until: None };
        }
        match self.line {
            // After an outage, one call finds out whether it is over.
            Line::Down { .. } if self.flights > 0 => Step::Wait { until: None },
            Line::Down { until, .. } if now < until => Step::Wait { until: Some(until) },
            Line::Down { .. } => Step::Claim { calls: 1 },
            Line::Up => {
                let calls = MAX_FLIGHTS.saturating_sub(self.flights);
                let worth_a_call = self.flights == 0 || self.rows == Rows::Many || full_batch;
                if calls > 0 && worth_a_call { Step::Claim { calls } } else { Step::Wait { until: None } }
            }
        }
    }

    /// Whether there is nothing to do and nothing under way.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        let may_call = !matches!(self.line, Line::Down { until, .. } if now < until);
        self.rows == Rows::None && self.at_rest() && may_call
    }

    fn at_rest(&self) -> bool {
        self.flights == 0 && !self.claiming
    }

    /// A commit, or time: there may be something in the table.
    pub(super) fn rows_may_be_due(&mut self) {
        self.rows = self.rows.max(Rows::Some);
    }

    /// What is committed from now on may not be in that claim.
    pub(super) fn claim_begun(&mut self) {
        (self.claiming, self.rows) = (true, Rows::None);
    }

    /// A claim for so many calls has found so many rows.
    pub(super) fn claimed(&mut self, calls: usize, rows: usize) {
        self.claiming = false;
        if rows >= calls * MAX_ENTRIES {
            self.rows = Rows::Many;
        }
    }

    pub(super) fn claim_failed(&mut self, now: Instant) {
        self.claiming = false;
        self.failed(now);
    }

    pub(super) fn flight_begun(&mut self) {
        self.flights += 1;
    }

    pub(super) fn flight_ended(&mut self, outcome: Result<(), Outage>, now: Instant) {
        self.flights -= 1;
        match outcome {
            Ok(()) => self.line = Line::Up,
            Err(Outage) => self.failed(now),
        }
    }

    /// From now on what is left is sent, and nothing is waited for.
    pub(super) fn stop(&mut self) {
        self.stopping = true;
        self.rows_may_be_due();
    }

    fn failed(&mut self, now: Instant) {
        let failures = match self.line {
            Line::Up => 1,
            Line::Down { failures, .. } => failures.saturating_add(1),
        };
        self.line = Line::Down { failures, until: now + OUTAGE_BACKOFF.wait(failures) };
        self.rows_may_be_due();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Step = Step::Wait { until: None };

    /// A relay with so many calls under way.
    fn flying(flights: usize, now: Instant) -> State {
        let mut state = State::new();
        assert_eq!(state.next(false, now), Step::Claim { calls: MAX_FLIGHTS });
        state.claim_begun();
        (0..flights).for_each(|_| state.flight_begun());
        state.claimed(MAX_FLIGHTS, flights);
        state
    }

    #[test]
    fn while_calls_are_under_way_a_further_one_starts_only_if_it_is_full() {
        let now = Instant::now();
        let mut state = flying(1, now);
        assert_eq!(state.next(true, now), WAIT, "nothing is known to be there");
        state.rows_may_be_due();
        assert_eq!(state.next(false, now), WAIT);
        assert_eq!(state.next(true, now), Step::Claim { calls: MAX_FLIGHTS - 1 });
        state.flight_ended(Ok(()), now);
        assert_eq!(state.next(false, now), Step::Claim { calls: MAX_FLIGHTS });
        let mut full = flying(MAX_FLIGHTS, now);
        full.rows_may_be_due();
        assert_eq!(full.next(true, now), WAIT, "no more calls at once");
    }

    #[test]
    fn what_is_committed_while_a_claim_is_under_way_is_claimed_next() {
        let now = Instant::now();
        let mut state = State::new();
        state.claim_begun();
        state.rows_may_be_due();
        assert_eq!(state.next(true, now), WAIT, "one claim at a time");
        state.claimed(MAX_FLIGHTS, 0);
        assert_eq!(state.next(false, now), Step::Claim { calls: MAX_FLIGHTS });
    }

    #[test]
    fn after_an_outage_one_call_finds_out_whether_it_is_over() {
        let now = Instant::now();
        let mut state = flying(2, now);
        state.flight_ended(Err(Outage), now);
        assert_eq!(state.next(true, now), WAIT, "the other call may find out");
        state.flight_ended(Err(Outage), now);
        let Step::Wait { until } = state.next(true, now) else { unreachable!("{state:?}") };
        let later = until.unwrap_or(now) + Duration::from_secs(5);
        assert_eq!(state.next(false, later), Step::Claim { calls: 1 });
        state.claim_begun();
        state.claimed(1, 1);
        state.flight_begun();
        state.flight_ended(Ok(()), later);
        state.rows_may_be_due();
        assert_eq!(state.next(false, later), Step::Claim { calls: MAX_FLIGHTS });
    }

    #[test]
    fn a_claim_that_failed_is_tried_again_after_a_wait() {
        let now = Instant::now();
        let mut state = State::new();
        state.claim_begun();
        state.claim_failed(now);
        assert_eq!(state.next(false, now + Duration::from_secs(5)), Step::Claim { calls: 1 });
    }

    #[test]
    fn a_stop_ends_after_a_claim_that_was_not_full_or_with_the_outage() {
        let now = Instant::now();
        let mut state = flying(1, now);
        state.stop();
        assert_eq!(state.next(false, now), WAIT, "what has begun is awaited");
        state.flight_ended(Ok(()), now);
        for rows in [MAX_FLIGHTS * MAX_ENTRIES, 3] {
            assert_eq!(state.next(false, now), Step::Claim { calls: MAX_FLIGHTS });
            state.claim_begun();
            state.claimed(MAX_FLIGHTS, rows);
        }
        assert_eq!(state.next(false, now), Step::End);

        let mut away = flying(1, now);
        away.stop();
        away.flight_ended(Err(Outage), now);
        assert_eq!(away.next(false, now), Step::End);
    }
}
