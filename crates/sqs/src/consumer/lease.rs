//! Leases: messages stay hidden from other consumers for as long as this one has them.
//!
//! One task extends the visibility timeouts of all messages, in batches, once half of the timeout has passed: what fails
//! then has several more tries before the timeout ends. A handler that hangs loses its lease at a cap; a message that is
//! held on purpose keeps it for as long as SQS allows.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::{StreamExt, stream};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::batch::MAX_ENTRIES;
use crate::metrics::ConsumerMetrics;
use crate::queue::Queue;
use crate::received::Receipt;

/// SQS hides a message for no longer than 12 h from its receive, whatever it is extended by:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>.
const LONGEST: Duration = Duration::from_secs(12 * 60 * 60);
/// Before that, a message that is held on purpose is given back in good order.
const LONGEST_HOLD: Duration = LONGEST.saturating_sub(Duration::from_secs(5 * 60));

/// How often leases are looked at, at least and at most.
const MIN_TICK: Duration = Duration::from_millis(50);
const MAX_TICK: Duration = Duration::from_millis(500);

/// The hold on a received message; ends when it is dropped.
#[derive(Debug)]
pub struct Lease {
    id: u64,
    receipt: Receipt,
    timeout: Duration,
    received: Instant,
    lost: CancellationToken,
    leases: Leases,
}

impl Lease {
    /// Resolves when the message may be handed to another consumer although this one still has it: its visibility
    /// timeout could not be extended, or its handler has been at it for longer than the cap.
    pub async fn lost(&self) {
        self.lost.cancelled().await;
    }

    /// Whether it has been lost.
    pub fn is_lost(&self) -> bool {
        self.lost.is_cancelled()
    }

    /// What SQS wants to see for every call about this receive of the message.
    pub(super) fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    /// From now on its visibility timeout is left as it is.
    pub(super) fn extend_no_more(&self) {
        self.leases.held().remove(&self.id);
    }

    /// The cap does not count until this is dropped, and begins anew then: no handler is at the message.
    pub(super) fn hold_on_purpose(&self) -> OnPurpose<'_> {
        self.leases.set_handled_since(self.id, None);
        OnPurpose(self)
    }

    /// The visibility timeout that the message was received with.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Whether the message has been here for longer than that.
    pub(super) fn has_been_extended(&self) -> bool {
        self.received.elapsed() >= self.timeout
    }

    /// Resolves when SQS would not let the message be held for much longer.
    pub(super) async fn longest_hold(&self) {
        tokio::time::sleep_until(self.received + LONGEST_HOLD).await;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.leases.held().remove(&self.id);
    }
}

/// While this lives, a message is held without a handler being at it.
pub(super) struct OnPurpose<'a>(&'a Lease);

impl Drop for OnPurpose<'_> {
    fn drop(&mut self) {
        self.0.leases.set_handled_since(self.0.id, Some(Instant::now()));
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Leases(Arc<Registry>);

#[derive(Debug, Default)]
struct Registry {
    next_id: AtomicU64,
    held: Mutex<HashMap<u64, Held>>,
    /// Told of the first lease after there were none: until then nobody need look.
    taken: Notify,
}

#[derive(Debug)]
struct Held {
    receipt: Receipt,
    /// What it was received with, and is extended by.
    timeout: Duration,
    received: Instant,
    extended: Instant,
    /// Since when its handler is at it; none: it is held on purpose.
    handled_since: Option<Instant>,
    lost: CancellationToken,
}

impl Held {
    /// Why it cannot be kept, if so.
    fn fault(&self, cap: Duration) -> Option<&'static str> {
        if self.handled_since.is_some_and(|since| since.elapsed() >= cap) {
            Some("its handler has been at it for longer than the cap")
        } else if self.extended.elapsed() >= self.timeout {
            Some("no extension got through")
        } else {
            None
        }
    }

    fn is_due(&self) -> bool {
        self.extended.elapsed() >= self.timeout / 2
    }

    fn extension(&self, id: u64) -> Extension {
        let timeout = self.timeout.min(LONGEST.saturating_sub(self.received.elapsed()));
        Extension { id, entry: (self.receipt.clone(), timeout) }
    }
}

struct Extension {
    id: u64,
    entry: (Receipt, Duration),
}

impl Leases {
    /// Starts the lease of a message received just now, hidden for `timeout`.
    pub(super) fn hold(&self, receipt: Receipt, timeout: Duration) -> Lease {
        let id = self.0.next_id.fetch_add(1, Ordering::Relaxed);
        let (lost, now) = (CancellationToken::new(), Instant::now());
        let held = Held {
            receipt: receipt.clone(),
            timeout,
            received: now,
            extended: now,
            handled_since: Some(now),
            lost: lost.clone(),
        };
        let mut all_held = self.held();
        if all_held.is_empty() {
            self.0.taken.notify_one();
        }
        all_held.insert(id, held);
        drop(all_held);
        Lease { id, receipt, timeout, received: now, lost, leases: self.clone() }
    }

    /// How many messages are held.
    pub(super) fn count(&self) -> usize {
        self.held().len()
    }

    fn set_handled_since(&self, id: u64, since: Option<Instant>) {
        if let Some(held) = self.held().get_mut(&id) {
            held.handled_since = since;
        }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<u64, Held>> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Extends all leases until told to stop.
    pub(super) async fn keep(
        self,
        queue: Queue,
        metrics: Arc<ConsumerMetrics>,
        cap: Duration,
        max_calls: usize,
        stop: CancellationToken,
    ) {
        let keeping = async {
            loop {
                while self.count() == 0 {
                    self.0.taken.notified().await;
                }
                sleep(self.tick()).await;
                self.give_up(queue.name(), &metrics, cap);
                let due = self.due();
                stream::iter(due.chunks(MAX_ENTRIES))
                    .for_each_concurrent(max_calls, |batch| self.extend(&queue, &metrics, batch))
                    .await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = keeping => {}
        }
    }

    /// Short enough for several tries in the second half of the shortest timeout, also of one that comes meanwhile.
    fn tick(&self) -> Duration {
        let shortest = self.held().values().map(|held| held.timeout).min();
        (shortest.unwrap_or_default() / 8).clamp(MIN_TICK, MAX_TICK)
    }

    /// Ends the leases that are too old, or that have run out because no extension got through.
    fn give_up(&self, queue: &str, metrics: &ConsumerMetrics, cap: Duration) {
        self.held().retain(|_, held| {
            let Some(reason) = held.fault(cap) else { return true };
            let held_s = held.received.elapsed().as_secs();
            tracing::error!(queue, reason, held_s, "lease lost, the message will be received again");
            metrics.lease_lost();
            held.lost.cancel();
            false
        });
    }

    fn due(&self) -> Vec<Extension> {
        self.held().iter().filter(|(_, held)| held.is_due()).map(|(id, held)| held.extension(*id)).collect()
    }

    async fn extend(&self, queue: &Queue, metrics: &ConsumerMetrics, batch: &[Extension]) {
        let entries: Vec<_> = batch.iter().map(|extension| extension.entry.clone()).collect();
        let shortest = entries.iter().map(|(_, timeout)| *timeout).min().unwrap_or_default();
        let asked = Instant::now();
        // A call that hangs must not use up the leases, nor keep those that have run out from being given up.
        let Ok(Ok(results)) = tokio::time::timeout(shortest / 4, queue.change_visibility(&entries)).await else {
            // The next tick tries again, until the leases have run out.
            return;
        };
        let mut all_held = self.held();
        for (Extension { id, .. }, result) in batch.iter().zip(results) {
            let Some(held) = all_held.get_mut(id) else { continue };
            match result {
                Ok(()) => held.extended = asked,
                Err(error) if error.sender_fault => {
                    // Received by another consumer meanwhile, or deleted; or its timeout is not what it was thought to be.
                    tracing::warn!(queue = queue.name(), %error, "lease lost, SQS refused to extend it");
                    metrics.lease_lost();
                    queue.contradicted();
                    held.lost.cancel();
                    all_held.remove(id);
                }
                Err(_) => {}
            }
        }
    }
}
