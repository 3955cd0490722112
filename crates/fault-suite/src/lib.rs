//! The fault suite's harness: the real binaries as child processes, clients that do not give up, faults, and the verdict
//! on what was left behind.
//!
//! The scenarios are in `tests/faults`, each in a short version, which `cargo test` runs, and a full one:
//! `cargo test -p fault-suite -- --ignored --nocapture`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail where it stands")]

mod binaries;
mod books;
mod load;
mod processes;
mod provider;
mod report;
mod scene;
mod verdict;

use std::time::{Duration, Instant};

pub use binaries::{Binaries, binaries};
pub use books::Books;
pub use load::{Accepted, Load, place, place_and_cancel};
pub use processes::Process;
pub use provider::{Asked, Manner, Provider};
pub use report::{Extent, Outcome, Row, print_table};
pub use scene::Scene;
pub use verdict::judge;

/// Longer than all that the system may wait for on purpose: an outbox lease (12 s), a hanging receive (25 s), backoff.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// As [`testbed::eventually`], for what may take longer.
pub async fn patiently<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A scenario's own random moment.
pub async fn moment(milliseconds: std::ops::Range<u64>) {
    tokio::time::sleep(Duration::from_millis(fastrand::u64(milliseconds))).await;
}
