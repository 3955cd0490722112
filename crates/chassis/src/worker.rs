//! How a service consumes its queue: the variables that both services share, and what a write that did not happen means
//! for the message that wanted it.

use std::time::Duration;

use database::WriteError;
use sqs::{Backoff, ConsumerConfig, Verdict};

use crate::{Configuration, Stopping};

/// The longest wait between two tries of a message.
const RETRY_CAP: Duration = Duration::from_secs(300);
/// The visibility timeout's limit in SQS.
const MAX_VISIBILITY_SECONDS: u64 = 43_200;

/// How soon a write that waited for somebody else's lock is tried again.
const LOCKED: Duration = Duration::from_secs(1);

/// Reads `WORKER_CONCURRENCY`, `VISIBILITY_TIMEOUT_SECONDS`, `RETRY_BASE_SECONDS` and `WORKER_MAX_PER_SECOND`.
pub fn load(configuration: &mut Configuration, stopping: Stopping) -> ConsumerConfig {
    let defaults = ConsumerConfig::default();
    let concurrency = configuration.number("WORKER_CONCURRENCY", defaults.concurrency as u64, 1..=10_000);
    let visibility_timeout = configuration.optional_number("VISIBILITY_TIMEOUT_SECONDS", 1..=MAX_VISIBILITY_SECONDS);
    let rate = configuration.optional_number("WORKER_MAX_PER_SECOND", 1..=1_000_000);
    let retry_base = configuration.seconds("RETRY_BASE_SECONDS", 1, 1..=300);
    defaults
        .concurrency(concurrency as usize)
        .visibility_timeout(visibility_timeout.map(Duration::from_secs))
        .retry(Backoff::new(retry_base, RETRY_CAP))
        .shutdown_timeout(stopping.timeout)
        .max_per_second(rate.map(|rate| rate as u32))
}

/// Reads `QUEUE_METRICS_SECONDS`: how often SQS is asked how many messages there are. Unset: never, as each time is billed.
pub fn queue_metrics(configuration: &mut Configuration) -> Option<Duration> {
    configuration.optional_number("QUEUE_METRICS_SECONDS", 1..=86_400).map(Duration::from_secs)
}

/// What becomes of a message whose write did not happen. Only what the database refuses of this very write is the message's
/// own failure.
pub fn not_written(error: &WriteError) -> Verdict {
    let reason = error.to_string();
    if error.is_locked() {
        Verdict::Busy { reason, after: LOCKED }
    } else if error.is_outage() {
        Verdict::Away { reason, after: None }
    } else {
        Verdict::Retry { reason, after: None }
    }
}
