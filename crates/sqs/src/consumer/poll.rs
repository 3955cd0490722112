//! Pollers: long polls that ask for no more messages than there are free slots.
//!
//! One poller is always at it: on an idle queue that is one request per long poll. A receive that brings anything wakes
//! another one; a poller, other than the first, whose receive brings nothing, sleeps again. That a receive brings fewer
//! than ten does not mean that no more are there: SQS often answers with what a few of its servers have
//! (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html>).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_sqs::types::Message;
use tokio::sync::{AcquireError, Notify, OwnedSemaphorePermit};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::process::process;
use super::{ConsumerConfig, Handler, Shared};
use crate::backoff::Backoff;
use crate::batch::MAX_ENTRIES;
use crate::queue::{QueueError, ReceiveRequest};

/// More than this never got more out of a queue in any measurement.
const MAX_POLLERS: usize = 8;
/// How often a waiting poller tells that it is alive.
const ALIVE: Duration = Duration::from_secs(5);
const OUTAGE_BACKOFF: Backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(10));

/// When the consumer last got on: a receive came back, a message was settled, or it had a good reason to wait. Cheap to
/// clone.
#[derive(Clone, Debug)]
pub struct Progress {
    started: Instant,
    last_milliseconds: Arc<AtomicU64>,
    allowed: Duration,
}

impl Progress {
    pub(super) fn new(long_poll: Duration) -> Self {
        Self {
            started: Instant::now(),
            last_milliseconds: Arc::default(),
            allowed: 3 * long_poll.max(Duration::from_secs(5)),
        }
    }

    pub(super) fn made(&self) {
        self.last_milliseconds.store(self.started.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    /// Whether nothing has moved for three long polls.
    pub fn is_stalled(&self) -> bool {
        let last = Duration::from_millis(self.last_milliseconds.load(Ordering::Relaxed));
        self.started.elapsed().saturating_sub(last) > self.allowed
    }
}

/// A receive for a single free slot costs as much as one for ten. So a sixth of the slots, ten at most, must be free
/// before there is one: that many may stay empty while all others are taken by slow messages.
fn enough_slots(concurrency: usize) -> usize {
    (concurrency / 6).clamp(1, MAX_ENTRIES)
}

pub(super) fn spawn_pollers<H: Handler>(shared: &Arc<Shared<H>>) -> JoinSet<()> {
    let pollers = shared.config.concurrency.div_ceil(MAX_ENTRIES).clamp(1, MAX_POLLERS);
    let wake = Arc::new(Notify::new());
    let mut tasks = JoinSet::new();
    for index in 0..pollers {
        let poller = Poller { shared: shared.clone(), wake: wake.clone(), first: index == 0 };
        tasks.spawn(poller.run());
    }
    tasks
}

struct Poller<H> {
    shared: Arc<Shared<H>>,
    wake: Arc<Notify>,
    first: bool,
}

impl<H: Handler> Poller<H> {
    async fn run(self) {
        let stop = self.shared.stop.clone();
        let mut failures = 0;
        loop {
            if !self.first {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = self.wake.notified() => {}
                }
            }
            loop {
                let slots = tokio::select! {
                    biased;
                    () = stop.cancelled() => return,
                    slots = self.free_slots() => slots,
                    never = self.alive_while_waiting() => match never {},
                };
                // The semaphore is never closed.
                let Ok(slots) = slots else { return };
                match self.receive(slots).await {
                    Received::Some => {
                        failures = 0;
                        self.wake.notify_one();
                    }
                    Received::Nothing { in_time: true } if self.first => failures = 0,
                    Received::Nothing { in_time: true } => break,
                    Received::Nothing { in_time: false } => {
                        failures += 1;
                        self.back_off(failures).await;
                    }
                    Received::Failed(error) => {
                        failures += 1;
                        // An outage has been told of by the queue itself.
                        if failures == 1 && !error.is_outage() {
                            tracing::error!(queue = self.shared.queue.name(), %error, "refused, will keep trying");
                        }
                        self.back_off(failures).await;
                    }
                }
            }
        }
    }

    async fn back_off(&self, failures: u32) {
        tokio::select! {
            () = self.shared.stop.cancelled() => {}
            () = sleep(OUTAGE_BACKOFF.wait(failures)) => {}
        }
    }

    /// Waits until messages are welcome and enough slots are free, then takes as many as a receive can fill.
    async fn free_slots(&self) -> Result<Vec<OwnedSemaphorePermit>, AcquireError> {
        let slots = &self.shared.slots;
        let mut enough = slots.clone().acquire_many_owned(enough_slots(self.shared.config.concurrency) as u32).await?;
        let welcome = self.shared.pace.ready().await.min(self.shared.outage.welcome().await).clamp(1, MAX_ENTRIES);
        let mut taken = Vec::with_capacity(welcome);
        while taken.len() < welcome
            && let Some(slot) = enough.split(1).or_else(|| slots.clone().try_acquire_owned().ok())
        {
            taken.push(slot);
        }
        Ok(taken)
    }

    /// Waiting is progress, as long as it is for handlers that still have their leases, or for messages to be welcome. A
    /// handler beyond the cap has lost its lease: when all slots are taken by such, only a restart helps.
    async fn alive_while_waiting(&self) -> std::convert::Infallible {
        loop {
            sleep(ALIVE).await;
            if self.shared.slots.available_permits() > 0 || self.shared.leases.any() {
                self.shared.progress.made();
            }
        }
    }

    /// Receives at most one message per slot. Slots that stay empty are free again at once.
    async fn receive(&self, slots: Vec<OwnedSemaphorePermit>) -> Received {
        let shared = &self.shared;
        let asked = Instant::now();
        let outcome = self.ask(slots.len()).await;
        shared.progress.made();
        let (messages, hidden_for) = match outcome {
            Ok(received) => received,
            Err(error) => return Received::Failed(error),
        };
        if messages.is_empty() {
            // SQS answers with nothing at the end of a long poll only. What answers so at once may not be SQS at all, and is not
            // to be asked over and over.
            return Received::Nothing { in_time: asked.elapsed() >= shared.config.long_poll / 2 };
        }
        shared.pace.received(messages.len());
        for (message, slot) in messages.into_iter().zip(slots) {
            shared.processing.spawn(process(shared.clone(), message, hidden_for, slot));
        }
        Received::Some
    }

    /// Asks for up to `max` messages. Always with a visibility timeout: should the queue's own be changed, it is still
    /// known for how long what has been received is hidden.
    async fn ask(&self, max: usize) -> Result<(Vec<Message>, Duration), QueueError> {
        let ConsumerConfig { long_poll, visibility_timeout, .. } = self.shared.config;
        let hidden_for = match visibility_timeout {
            Some(timeout) => timeout,
            None => self.shared.queue.properties().await?.visibility_timeout,
        };
        let request = ReceiveRequest { max, wait: long_poll, visibility_timeout: hidden_for };
        Ok((self.shared.queue.receive(request).await?, hidden_for))
    }
}

enum Received {
    Some,
    Nothing {
        /// As the long poll ended.
        in_time: bool,
    },
    Failed(QueueError),
}
