//! Whether a queue answers, told once per change.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::error::QueueError;

/// What the last call to a queue said about it; nothing yet, at first.
#[derive(Debug, Default)]
pub(crate) struct Reachability(AtomicU8);

const REACHABLE: u8 = 1;
const UNREACHABLE: u8 = 2;

impl Reachability {
    /// Whether the last call was answered.
    pub(crate) fn is_reachable(&self) -> bool {
        self.0.load(Ordering::Relaxed) == REACHABLE
    }

    /// Takes note of a call's outcome, and logs it if it changes what was known.
    pub(crate) fn observe<T>(&self, queue: &str, outcome: &Result<T, QueueError>) {
        match outcome {
            Ok(_) => {
                if self.0.swap(REACHABLE, Ordering::Relaxed) != REACHABLE {
                    tracing::info!(queue, "queue reachable");
                }
            }
            Err(error) if error.is_outage() => {
                if self.0.swap(UNREACHABLE, Ordering::Relaxed) != UNREACHABLE {
                    tracing::error!(queue, %error, "queue out of reach, will keep trying");
                }
            }
            Err(_) => {}
        }
    }
}
