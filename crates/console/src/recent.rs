//! The last seconds: what moves now, and how long things take.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::metrics::{Buckets, Count, Duration as Timed, Reading};

/// Rates are over so long.
const RATE: Duration = Duration::from_secs(3);
/// Durations are of what ended within so long.
const DWELL: Duration = Duration::from_secs(10);

/// Readings of the last seconds, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Recent(VecDeque<(Instant, Reading)>);

impl Recent {
    pub(crate) fn add(&mut self, now: Instant, reading: Reading) {
        self.0.push_back((now, reading));
        // One that is older than the longest window is its beginning.
        while self.0.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= DWELL) {
            self.0.pop_front();
        }
    }

    /// What comes is not compared with what was.
    pub(crate) fn begin_anew(&mut self) {
        self.0.clear();
    }

    /// Since the reading before the last.
    pub(crate) fn moved(&self, count: Count) -> f64 {
        let mut latest = self.0.iter().rev();
        match (latest.next(), latest.next()) {
            (Some((_, last)), Some((_, before))) => last.count(count) - before.count(count),
            _ => 0.0,
        }
    }

    /// Since the console started.
    pub(crate) fn total(&self, count: Count) -> f64 {
        self.0.back().map_or(0.0, |(_, last)| last.count(count))
    }

    /// On average, now.
    pub(crate) fn per_second(&self, count: Count) -> Option<f64> {
        let (now, last) = self.0.back()?;
        let (begin, first) = self.begin(*now, RATE)?;
        let seconds = now.duration_since(*begin).as_secs_f64();
        (seconds > 0.0).then(|| (last.count(count) - first.count(count)) / seconds)
    }

    /// Of what ended lately.
    pub(crate) fn durations(&self, timed: Timed) -> Option<Buckets> {
        let (now, last) = self.0.back()?;
        let (_, first) = self.begin(*now, DWELL)?;
        Some(last.since(first).duration(timed).clone())
    }

    fn begin(&self, now: Instant, window: Duration) -> Option<&(Instant, Reading)> {
        self.0.iter().rev().find(|(at, _)| now.duration_since(*at) >= window).or_else(|| self.0.front())
    }
}
