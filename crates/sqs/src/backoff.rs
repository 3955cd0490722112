//! Exponential backoff with full jitter: <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>.

use std::time::Duration;

/// Waits that double from `base` up to `cap`, each drawn evenly from zero to the doubled value, so that those who failed
/// together do not come back together.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
}

impl Backoff {
    /// A backoff from `base`, doubling up to `cap`.
    pub const fn new(base: Duration, cap: Duration) -> Self {
        Self { base, cap }
    }

    /// The longest wait after the `attempt`-th failure, counted from 1.
    pub fn ceiling(&self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        self.base.saturating_mul(1 << doublings).min(self.cap)
    }

    /// A wait after the `attempt`-th failure, counted from 1.
    pub fn wait(&self, attempt: u32) -> Duration {
        self.ceiling(attempt).mul_f64(fastrand::f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_ceiling_doubles_up_to_the_cap() {
        let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(300));
        let ceilings: Vec<u64> = (0..=11).map(|attempt| backoff.ceiling(attempt).as_secs()).collect();
        assert_eq!(ceilings, [1, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    }

    proptest! {
        #[test]
        fn a_wait_is_never_above_its_ceiling(base in 0u64..10_000, cap in 0u64..1_000_000, attempt: u32) {
            let backoff = Backoff::new(Duration::from_millis(base), Duration::from_millis(cap));
            prop_assert!(backoff.wait(attempt) <= backoff.ceiling(attempt));
            prop_assert!(backoff.ceiling(attempt) <= Duration::from_millis(cap));
        }
    }
}
