//! The consumer: receives, hands each message to the [`Handler`], and settles it by the handler's [`Verdict`].
//!
//! A message holds a slot (a permit) and a lease from the receive until it is settled; both end together, when the task
//! that processes it ends. That is what keeps the consumer from receiving more than it can handle at once, and what keeps
//! a message hidden from other consumers for as long as this one is busy with it.

mod attributes;
mod batcher;
mod lease;
mod outage;
mod pace;
mod poll;
mod process;
mod settle;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::backoff::Backoff;
use crate::metrics::ConsumerMetrics;
use crate::queue::Queue;
use crate::received::Receipt;
use crate::trace::TraceContext;

pub use lease::Lease;
pub use poll::Progress;

use batcher::Batcher;
use lease::Leases;
use outage::Outage;
use pace::Pace;

/// How long the last batch calls may take after everything else has ended.
const FLUSH: Duration = Duration::from_secs(10);

/// How to consume a queue.
#[derive(Clone, Debug)]
pub struct ConsumerConfig {
    /// Messages handled at once.
    pub concurrency: usize,
    /// Asked for in every receive; none: the queue's own, as it was when it was last looked at.
    pub visibility_timeout: Option<Duration>,
    /// How long a receive waits for messages, at most 20 s.
    pub long_poll: Duration,
    /// After a transient failure, by the receive count.
    pub retry: Backoff,
    /// How long a handler may be at a message before its lease is given up: it hangs. Not for what an outage holds.
    pub lease_cap: Duration,
    /// At most so many messages per second, on average; none: as many as come.
    pub max_per_second: Option<u32>,
    /// From the call to stop until what is unfinished is given back.
    pub shutdown_timeout: Duration,
}

impl Default for ConsumerConfig {
    fn default() -> Self {
        Self {
            concurrency: 64,
            visibility_timeout: None,
            long_poll: Duration::from_secs(20),
            retry: Backoff::new(Duration::from_secs(1), Duration::from_secs(300)),
            lease_cap: Duration::from_secs(15 * 60),
            max_per_second: None,
            shutdown_timeout: Duration::from_secs(30),
        }
    }
}

/// A received message.
#[derive(Debug)]
pub struct Delivery {
    /// The id that SQS gave it. A redrive gives another one: nothing may be keyed on it.
    pub message_id: String,
    /// The body.
    pub body: String,
    /// How often it has been received, this time included (`ApproximateReceiveCount`).
    pub attempt: u32,
    /// Its attributes of type `String`.
    pub attributes: BTreeMap<String, String>,
    /// The trace that it belongs to; what follows from it continues this.
    pub trace: TraceContext,
    /// The hold on it.
    pub lease: Lease,
}

/// What is to become of a message.
#[derive(Debug)]
pub enum Verdict {
    /// Everything that follows from it has been committed, and what its handler depends on has answered: delete it. Such a
    /// message ends an outage.
    Done,
    /// Everything that follows from it had been committed before: delete it. It says nothing about what its handler depends
    /// on.
    Repeated,
    /// It has failed: give it back, and have it again later. This uses up a receive, unless several different messages in
    /// a row fail and none gets through; then it is held as if its dependency were [away](Self::Away).
    Retry {
        /// Why, for the logs.
        reason: String,
        /// When; none: by the receive count, with exponential backoff.
        after: Option<Duration>,
    },
    /// What its handler depends on is away, which says nothing about the message: it keeps its slot and its lease and is
    /// tried again in place, for hours if need be. Only if others get through meanwhile, again and again, it has failed.
    Away {
        /// Why, for the logs.
        reason: String,
        /// When to try again at the earliest, if the dependency has said so.
        after: Option<Duration>,
    },
    /// Somebody else is at the same thing: it keeps its slot and its lease and is tried again in place. Nobody is to blame.
    Busy {
        /// Why, for the logs.
        reason: String,
        /// When to try again.
        after: Duration,
    },
    /// It can never be handled: send it to the dead-letter queue.
    Reject {
        /// A stable word, for scripts and metrics.
        kind: &'static str,
        /// Why, for people.
        reason: String,
    },
}

impl Verdict {
    /// How it differs from one that gets the message through, in a word for metrics.
    fn error_type(&self) -> Option<&'static str> {
        match self {
            Self::Done | Self::Repeated => None,
            Self::Retry { .. } => Some("retry"),
            Self::Away { .. } => Some("away"),
            Self::Busy { .. } => Some("busy"),
            Self::Reject { .. } => Some("reject"),
        }
    }
}

/// What a service does with the messages of a queue.
pub trait Handler: Send + Sync + 'static {
    /// The span around everything that happens to a message; the handler's place for the ids that it finds inside.
    fn span(&self, delivery: &Delivery) -> tracing::Span;

    /// Handles a message, which may come more than once, and may be handed over again within one receive. A panic counts as
    /// [`Verdict::Retry`].
    ///
    /// The future is dropped when the consumer must stop and cannot wait any longer; the message is then given back.
    fn handle(&self, delivery: &Delivery) -> impl Future<Output = Verdict> + Send;
}

/// Consumes one queue.
pub struct Consumer<H> {
    shared: Arc<Shared<H>>,
}

struct Shared<H> {
    queue: Queue,
    dead_letter_queue: Mutex<Option<Queue>>,
    handler: H,
    config: ConsumerConfig,
    slots: Arc<Semaphore>,
    leases: Leases,
    outage: Outage,
    progress: Progress,
    pace: Pace,
    deletes: Batcher<Receipt>,
    visibility_changes: Batcher<(Receipt, Duration)>,
    metrics: Arc<ConsumerMetrics>,
    /// The tasks that process a message each.
    processing: TaskTracker,
    /// No more receives.
    stop: CancellationToken,
    /// No receive is open any more: what is given back now is not taken by this consumer once more.
    polled: CancellationToken,
    /// No more handling either.
    abort: CancellationToken,
}

impl<H: Handler> Consumer<H> {
    /// A consumer of `queue` that is not running yet.
    pub fn new(queue: Queue, handler: H, config: ConsumerConfig) -> Self {
        let metrics = Arc::new(queue.metrics().of_consumer(queue.name(), config.concurrency));
        let shared = Shared {
            slots: Arc::new(Semaphore::new(config.concurrency)),
            dead_letter_queue: Default::default(),
            leases: Leases::default(),
            outage: Outage::shown_by(metrics.breaker()),
            progress: Progress::new(config.long_poll),
            pace: Pace::new(config.max_per_second),
            processing: TaskTracker::new(),
            stop: CancellationToken::new(),
            polled: CancellationToken::new(),
            abort: CancellationToken::new(),
            deletes: Batcher::default(),
            visibility_changes: Batcher::default(),
            metrics,
            queue,
            handler,
            config,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Whether the consumer gets on; for the liveness check.
    pub fn progress(&self) -> Progress {
        self.shared.progress.clone()
    }

    /// Consumes until told to stop, and then ends without losing anything: an open receive is awaited and what it brings
    /// is given back, handlers finish, what is only held is given back, deletes are flushed; what is unfinished at the
    /// deadline is given back.
    ///
    /// An error means that a part of the consumer has panicked: it has stopped in the same way, without having been told.
    pub async fn run(self, stop: CancellationToken) -> Result<(), JoinError> {
        let shared = self.shared;
        let upkeep_stop = CancellationToken::new();
        let mut upkeep = shared.spawn_upkeep(&upkeep_stop);
        let mut batchers = shared.spawn_batchers();
        let mut pollers = poll::spawn_pollers(&shared);

        let mut outcome = tokio::select! {
            () = stop.cancelled() => Ok(()),
            Some(ended) = pollers.join_next() => ended,
            Some(ended) = upkeep.join_next() => ended,
            Some(ended) = batchers.join_next() => ended,
        };
        let deadline = Instant::now() + shared.config.shutdown_timeout;
        let queue = shared.queue.name();
        tracing::info!(queue, in_flight = shared.processing.len(), "stopping, no more receives");
        shared.stop.cancel();
        let polled = timeout_at(deadline, all(&mut pollers)).await;
        outcome = outcome.and(polled.unwrap_or_else(|_| {
            tracing::warn!(queue, "a receive is still open; what it brings comes back after its visibility timeout");
            pollers.abort_all();
            Ok(())
        }));
        shared.polled.cancel();
        shared.processing.close();
        if timeout_at(deadline, shared.processing.wait()).await.is_err() {
            tracing::warn!(queue, unfinished = shared.processing.len(), "deadline reached, giving messages back");
            shared.abort.cancel();
            if timeout(FLUSH, shared.processing.wait()).await.is_err() {
                tracing::error!(queue, unfinished = shared.processing.len(), "some messages could not be given back");
            }
        }
        upkeep_stop.cancel();
        shared.deletes.close();
        shared.visibility_changes.close();
        outcome = outcome.and(all(&mut upkeep).await);
        outcome = outcome.and(timeout(FLUSH, all(&mut batchers)).await.unwrap_or_else(|_| {
            tracing::error!(queue, "the last batch calls have not been answered");
            batchers.abort_all();
            Ok(())
        }));
        tracing::info!(queue, "stopped");
        outcome
    }
}

impl<H: Handler> Shared<H> {
    /// What must go on for as long as a message is held.
    fn spawn_upkeep(&self, stop: &CancellationToken) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        tasks.spawn(self.leases.clone().keep(
            self.queue.clone(),
            self.metrics.clone(),
            self.config.lease_cap,
            stop.clone(),
        ));
        tasks.spawn(attributes::keep_known(self.queue.clone(), stop.clone()));
        tasks
    }

    /// What settles messages.
    fn spawn_batchers(&self) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        let queue = self.queue.clone();
        tasks.spawn(self.deletes.run(move |receipts: Vec<Receipt>| {
            let queue = queue.clone();
            async move { queue.delete(&receipts).await }
        }));
        let queue = self.queue.clone();
        tasks.spawn(self.visibility_changes.run(move |entries: Vec<(Receipt, Duration)>| {
            let queue = queue.clone();
            async move { queue.change_visibility(&entries).await }
        }));
        tasks
    }
}

/// Awaits all tasks; the error is that of one that has panicked.
async fn all(tasks: &mut JoinSet<()>) -> Result<(), JoinError> {
    let mut outcome = Ok(());
    while let Some(ended) = tasks.join_next().await {
        outcome = outcome.and(ended);
    }
    outcome
}
