//! What the parts of a consumer have in common.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::batcher::Batcher;
use super::config::ConsumerConfig;
use super::lease::Leases;
use super::outage::Outage;
use super::pace::Pace;
use super::progress::Progress;
use crate::metrics::ConsumerMetrics;
use crate::queue::Queue;
use crate::received::Receipt;

pub(super) struct Shared<H> {
    pub(super) queue: Queue,
    pub(super) dead_letter_queue: Mutex<Option<Queue>>,
    pub(super) handler: H,
    pub(super) config: ConsumerConfig,
    pub(super) slots: Arc<Semaphore>,
    /// So many slots may be taken for long by what somebody else has, or there would be none for anything else: half of
    /// them, and one at least.
    pub(super) long_busy: Semaphore,
    pub(super) leases: Leases,
    pub(super) outage: Outage,
    pub(super) progress: Progress,
    pub(super) pace: Pace,
    pub(super) deletes: Batcher<Receipt>,
    pub(super) visibility_changes: Batcher<(Receipt, Duration)>,
    pub(super) metrics: Arc<ConsumerMetrics>,
    /// The tasks that process what a receive has brought each.
    pub(super) processing: TaskTracker,
    /// No more receives.
    pub(super) stop: CancellationToken,
    /// No receive is open any more: what is given back now is not taken by this consumer once more.
    pub(super) polled: CancellationToken,
    /// No more handling either.
    pub(super) abort: CancellationToken,
}

impl<H> Shared<H> {
    pub(super) fn new(queue: Queue, handler: H, config: ConsumerConfig) -> Self {
        let config = config.usable();
        let metrics = Arc::new(queue.metrics().of_consumer(queue.name(), config.concurrency));
        Self {
            slots: Arc::new(Semaphore::new(config.concurrency)),
            long_busy: Semaphore::new((config.concurrency / 2).max(1)),
            dead_letter_queue: Default::default(),
            leases: Leases::default(),
            outage: Outage::new(metrics.breaker(), config.outage_after, config.longest_pause),
            progress: Progress::new(config.long_poll),
            pace: Pace::new(config.max_per_second),
            processing: TaskTracker::new(),
            stop: CancellationToken::new(),
            polled: CancellationToken::new(),
            abort: CancellationToken::new(),
            deletes: Batcher::new(config.max_calls, |receipt| receipt.handle().len()),
            visibility_changes: Batcher::new(config.max_calls, |(receipt, _)| receipt.handle().len()),
            metrics,
            queue,
            handler,
            config,
        }
    }
}
