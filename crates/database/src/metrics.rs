//! What is counted of commits.

use std::time::Duration;

use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::Database;

/// From a lone write to a full group.
const GROUP_SIZES: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];
/// From a fast disk to the end of a group's patience.
const COMMIT_SECONDS: [f64; 13] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Of one database; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    group_size: Histogram,
    commit: Histogram,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self { group_size: Histogram::new(GROUP_SIZES), commit: Histogram::new(COMMIT_SECONDS) }
    }

    /// So many writes have shared a transaction, which took so long from its begin to its end.
    pub(crate) fn committed(&self, writes: usize, taken: Duration) {
        self.group_size.observe(writes as f64);
        self.commit.observe(taken.as_secs_f64());
    }
}

impl Database {
    /// Adds what is counted of its commits to `registry`.
    pub fn register_metrics(&self, registry: &mut Registry) {
        let Metrics { group_size, commit } = self.metrics.clone();
        registry.register("database_group_size", "Writes that shared a commit", group_size);
        let help = "How long a group of writes took from the begin of its transaction to its end";
        registry.register_with_unit("database_commit", help, Unit::Seconds, commit);
    }
}
