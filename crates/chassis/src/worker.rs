//! How a service consumes its queue, from the variables that both services share.

use std::time::Duration;

use messaging::{Backoff, ConsumerConfig};

use crate::{Configuration, Stopping};

/// The longest wait between two tries of a message.
const RETRY_CAP: Duration = Duration::from_secs(300);
/// The visibility timeout's limit in SQS.
const MAX_VISIBILITY_SECONDS: u64 = 43_200;

/// Reads `WORKER_CONCURRENCY`, `VISIBILITY_TIMEOUT_SECONDS`, `RETRY_BASE_SECONDS` and `WORKER_MAX_PER_SECOND`.
pub fn load(configuration: &mut Configuration, stopping: Stopping) -> ConsumerConfig {
    let defaults = ConsumerConfig::default();
    ConsumerConfig {
        concurrency: configuration.number("WORKER_CONCURRENCY", defaults.concurrency as u64, 1..=10_000) as usize,
        visibility_timeout: configuration
            .optional_number("VISIBILITY_TIMEOUT_SECONDS", 1..=MAX_VISIBILITY_SECONDS)
            .map(Duration::from_secs),
        retry: Backoff::new(configuration.seconds("RETRY_BASE_SECONDS", 1, 1..=300), RETRY_CAP),
        shutdown_timeout: stopping.timeout,
        max_per_second: configuration.optional_number("WORKER_MAX_PER_SECOND", 1..=1_000_000).map(|rate| rate as u32),
        ..defaults
    }
}
