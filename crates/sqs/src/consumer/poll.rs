//! Pollers: long polls that ask for no more messages than there are free slots.
//!
//! One poller is always at it: on an idle queue that is one request per long poll. A receive that brings more than the one
//! message that it has waited for wakes another one; a poller, other than the first, whose receive brings nothing,
//! sleeps again. That a receive brings fewer than ten does not mean that no more are there: SQS often answers with what
//! a few of its servers have
//! (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html>).

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::{AcquireError, Notify, OwnedSemaphorePermit};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::config::ConsumerConfig;
use super::delivery::Handler;
use super::fill::Fill;
use super::process::process;
use super::shared::Shared;
use crate::backoff::Backoff;
use crate::batch::MAX_ENTRIES;
use crate::error::QueueError;
use crate::queue::ReceiveRequest;
use crate::received::Received;

/// A receive that took no longer has found what was there already.
const WAITING: Duration = Duration::from_secs(1);
/// How often a waiting poller tells that it is alive.
const ALIVE: Duration = Duration::from_secs(5);
const OUTAGE_BACKOFF: Backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(10));

/// A receive for a single free slot costs as much as one for ten. So a sixth of the slots, ten at most and no more than it
/// is likely to fill, must be free before there is one: that many may stay empty while all others are taken by slow messages.
fn enough_slots(concurrency: usize) -> usize {
    (concurrency / 6).clamp(1, MAX_ENTRIES)
}

pub(super) fn spawn_pollers<H: Handler>(shared: &Arc<Shared<H>>) -> JoinSet<()> {
    let pollers = shared.config.concurrency.div_ceil(MAX_ENTRIES).min(shared.config.max_pollers);
    let (wake, fill) = (Arc::new(Notify::new()), Arc::new(Fill::new()));
    let mut tasks = JoinSet::new();
    for index in 0..pollers {
        let poller = Poller { shared: shared.clone(), wake: wake.clone(), fill: fill.clone(), first: index == 0 };
        tasks.spawn(poller.run());
    }
    tasks
}

struct Poller<H> {
    shared: Arc<Shared<H>>,
    wake: Arc<Notify>,
    fill: Arc<Fill>,
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
                    slot = self.shared.outage.look(&self.shared.slots), if self.first => Ok(vec![slot]),
                    never = self.alive_while_waiting() => match never {},
                };
                // The semaphore is never closed.
                let Ok(slots) = slots else { return };
                match self.receive(slots).await {
                    Outcome::Some { more } => {
                        failures = 0;
                        if more {
                            self.wake.notify_one();
                        }
                    }
                    Outcome::Nothing { in_time: true } if self.first => failures = 0,
                    Outcome::Nothing { in_time: true } => break,
                    Outcome::Nothing { in_time: false } => {
                        failures += 1;
                        self.back_off(failures).await;
                    }
                    Outcome::Failed(error) => {
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

    /// Waits until messages are welcome and enough slots are free, then takes as many as a receive is likely to fill; while
    /// half of them are free, as many as it can carry.
    async fn free_slots(&self) -> Result<Vec<OwnedSemaphorePermit>, AcquireError> {
        let (slots, concurrency) = (&self.shared.slots, self.shared.config.concurrency);
        let mut enough = loop {
            self.shared.outage.welcome().await;
            let enough = enough_slots(concurrency).min(self.fill.expected());
            let enough = slots.clone().acquire_many_owned(enough as u32).await?;
            // There may be an outage by now.
            if self.shared.outage.welcome().now_or_never().is_some() {
                break enough;
            }
        };
        let welcome = self.shared.pace.ready().await;
        let plenty = slots.available_permits() >= concurrency / 2;
        let welcome = welcome.clamp(1, if plenty { MAX_ENTRIES } else { self.fill.expected() });
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
            if self.shared.slots.available_permits() > 0 || self.shared.leases.count() > 0 {
                self.shared.progress.made();
            }
        }
    }

    /// Receives at most one message per slot. Slots that stay empty are free again at once.
    async fn receive(&self, slots: Vec<OwnedSemaphorePermit>) -> Outcome {
        let shared = &self.shared;
        let asked = Instant::now();
        let outcome = self.ask(slots.len()).await;
        shared.progress.made();
        let (messages, hidden_for) = match outcome {
            Ok(received) => received,
            Err(error) => return Outcome::Failed(error),
        };
        self.fill.brought(messages.len(), slots.len());
        if messages.is_empty() {
            // SQS answers with nothing at the end of a long poll only. What answers so at once may not be SQS at all,
            // and is not to be asked over and over.
            return Outcome::Nothing { in_time: asked.elapsed() >= shared.config.long_poll / 2 };
        }
        shared.pace.received(messages.len());
        // What comes alone after a while has been waited for: behind it there is nothing.
        let more = messages.len() > 1 || asked.elapsed() < WAITING;
        shared.processing.spawn(process(shared.clone(), messages, hidden_for, slots));
        Outcome::Some { more }
    }

    /// Asks for up to `max` messages. Always with a visibility timeout: should the queue's own be changed, it is still
    /// known for how long what has been received is hidden.
    async fn ask(&self, max: usize) -> Result<(Vec<Received>, Duration), QueueError> {
        let ConsumerConfig { long_poll, visibility_timeout, .. } = self.shared.config;
        let hidden_for = match visibility_timeout {
            Some(timeout) => timeout,
            None => self.shared.queue.properties().await?.visibility_timeout,
        };
        let request = ReceiveRequest::new(max, long_poll, hidden_for);
        Ok((self.shared.queue.receive(request).await?, hidden_for))
    }
}

enum Outcome {
    Some {
        /// There may well be more.
        more: bool,
    },
    Nothing {
        /// As the long poll ended.
        in_time: bool,
    },
    Failed(QueueError),
}
