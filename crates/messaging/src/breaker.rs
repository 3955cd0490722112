//! A circuit breaker: a dependency that is down stops the receiving, instead of using up the receive counts of every
//! message in the queue.
//!
//! Closed, everything passes. Ten failures in a row open it: nothing is received for a while. Then a single message finds
//! out whether the dependency is back: its success closes the breaker, its failure opens it again for twice as long.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::backoff::Backoff;

const FAILURES_IN_A_ROW: u32 = 10;
const PAUSE: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
/// A trial whose outcome nobody told is forgotten after this: it found no message, or its handler was stopped.
const TRIAL: Duration = Duration::from_secs(25);

/// Knows whether what a handler depends on is worth asking: a provider, a database.
#[derive(Debug, Default)]
pub struct Breaker {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// How often it has opened since it was last closed, and until when it is open now.
    openings: u32,
    open_until: Option<Instant>,
    trial_until: Option<Instant>,
}

impl Breaker {
    /// Waits while the breaker is open; then says how many messages may be received.
    pub async fn ready(&self) -> usize {
        loop {
            // Before looking: what changes in between must wake this one too.
            let changed = self.changed.notified();
            let wait_until = {
                let mut state = self.state();
                let now = Instant::now();
                match state.open_until {
                    None => return usize::MAX,
                    Some(open_until) if now < open_until => open_until,
                    Some(_) => match state.trial_until {
                        Some(trial_until) if now < trial_until => trial_until,
                        _ => {
                            state.trial_until = Some(now + TRIAL);
                            return 1;
                        }
                    },
                }
            };
            tokio::select! {
                () = sleep_until(wait_until) => {}
                () = changed => {}
            }
        }
    }

    /// How long the dependency should be left alone, if it should.
    pub fn pause(&self) -> Option<Duration> {
        self.state().open_until?.checked_duration_since(Instant::now()).filter(|pause| !pause.is_zero())
    }

    /// The dependency has answered.
    pub fn succeeded(&self) {
        let was_open = {
            let mut state = self.state();
            let was_open = state.open_until.is_some();
            *state = State::default();
            was_open
        };
        if was_open {
            tracing::info!("what failed answers again, receiving goes on");
            self.changed.notify_waiters();
        }
    }

    /// A message needed no answer of the dependency: if it was the trial, the next message is.
    pub fn passed(&self) {
        let was_trial = self.state().trial_until.take().is_some();
        if was_trial {
            self.changed.notify_waiters();
        }
    }

    /// The dependency has failed.
    pub fn failed(&self) {
        let mut state = self.state();
        state.failures += 1;
        let on_trial = state.open_until.is_some_and(|open_until| open_until <= Instant::now());
        if on_trial || (state.open_until.is_none() && state.failures >= FAILURES_IN_A_ROW) {
            state.openings += 1;
            state.trial_until = None;
            let pause = PAUSE.ceiling(state.openings);
            state.open_until = Some(Instant::now() + pause);
            if state.openings == 1 {
                tracing::error!(failures = state.failures, "failures in a row, receiving pauses");
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_dependency_that_keeps_failing_is_left_alone_and_then_tried_with_one_message() {
        let breaker = Breaker::default();
        for _ in 1..FAILURES_IN_A_ROW {
            breaker.failed();
            assert_eq!(breaker.pause(), None);
        }
        breaker.failed();
        assert_eq!(breaker.pause(), Some(Duration::from_secs(1)));
        let begun = Instant::now();
        assert_eq!(breaker.ready().await, 1);
        assert!(begun.elapsed() >= Duration::from_secs(1));
        breaker.failed();
        assert_eq!(breaker.pause(), Some(Duration::from_secs(2)));
        assert_eq!(breaker.ready().await, 1);
        breaker.succeeded();
        assert_eq!(breaker.ready().await, usize::MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_in_between_starts_the_count_again() {
        let breaker = Breaker::default();
        for _ in 0..3 {
            (1..FAILURES_IN_A_ROW).for_each(|_| breaker.failed());
            breaker.succeeded();
        }
        assert_eq!(breaker.ready().await, usize::MAX);
    }
}
