//! Leases: messages stay hidden from other consumers for as long as this one has them.
//!
//! One task extends the visibility timeouts of all messages, in batches, once half of the timeout has passed: what fails
//! then has several more tries before the timeout ends.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::{StreamExt, stream};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::batch::MAX_ENTRIES;
use crate::metrics::label;
use crate::queue::Queue;

/// Extension calls under way at once.
const MAX_FLIGHTS: usize = 4;

/// The hold on a received message; ends when it is dropped.
#[derive(Debug)]
pub struct Lease {
    id: u64,
    receipt_handle: String,
    lost: CancellationToken,
    leases: Leases,
}

impl Lease {
    /// Resolves when the message may be handed to another consumer although this one still has it: its visibility
    /// timeout could not be extended, or it has stayed for longer than the cap.
    pub async fn lost(&self) {
        self.lost.cancelled().await;
    }

    /// Whether it has been lost.
    pub fn is_lost(&self) -> bool {
        self.lost.is_cancelled()
    }

    /// What SQS wants to see for every call about this receive of the message.
    pub(super) fn receipt_handle(&self) -> &str {
        &self.receipt_handle
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.leases.held().remove(&self.id);
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Leases(Arc<Registry>);

#[derive(Debug, Default)]
struct Registry {
    next_id: AtomicU64,
    held: Mutex<HashMap<u64, Held>>,
}

#[derive(Debug)]
struct Held {
    receipt_handle: String,
    received: Instant,
    extended: Instant,
    lost: CancellationToken,
}

impl Leases {
    /// Starts the lease of a message received just now.
    pub(super) fn hold(&self, receipt_handle: String) -> Lease {
        let id = self.0.next_id.fetch_add(1, Ordering::Relaxed);
        let (lost, now) = (CancellationToken::new(), Instant::now());
        let held = Held { receipt_handle: receipt_handle.clone(), received: now, extended: now, lost: lost.clone() };
        self.held().insert(id, held);
        Lease { id, receipt_handle, lost, leases: self.clone() }
    }

    /// Whether any message is held.
    pub(super) fn any(&self) -> bool {
        !self.held().is_empty()
    }

    fn held(&self) -> MutexGuard<'_, HashMap<u64, Held>> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Extends all leases until told to stop.
    pub(super) async fn keep(
        self,
        queue: Queue,
        visibility_timeout: Option<Duration>,
        cap: Duration,
        stop: CancellationToken,
    ) {
        let keeping = async {
            let timeout = match visibility_timeout {
                Some(timeout) => timeout,
                // Nothing is received before this is known, so nothing is held meanwhile.
                None => loop {
                    match queue.properties().await {
                        Ok(properties) => break properties.visibility_timeout,
                        Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
                    }
                },
            };
            let mut tick = interval((timeout / 8).max(Duration::from_millis(50)));
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tick.tick().await;
                self.give_up(&queue, timeout, cap);
                let due = self.due(timeout);
                stream::iter(due.chunks(MAX_ENTRIES))
                    .for_each_concurrent(MAX_FLIGHTS, |batch| self.extend(&queue, timeout, batch))
                    .await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = keeping => {}
        }
    }

    /// Ends the leases that are too old, or that have run out because no extension got through.
    fn give_up(&self, queue: &Queue, timeout: Duration, cap: Duration) {
        let queue_name = queue.name();
        self.held().retain(|_, held| {
            let reason = if held.received.elapsed() >= cap {
                "held for longer than the cap"
            } else if held.extended.elapsed() >= timeout {
                "no extension got through"
            } else {
                return true;
            };
            let held_s = held.received.elapsed().as_secs();
            tracing::error!(queue = queue_name, reason, held_s, "lease lost, the message will be received again");
            queue.metrics().leases_lost.get_or_create(&label(queue_name)).inc();
            held.lost.cancel();
            false
        });
    }

    fn due(&self, timeout: Duration) -> Vec<(u64, String)> {
        let held = self.held();
        let due = held.iter().filter(|(_, held)| held.extended.elapsed() >= timeout / 2);
        due.map(|(id, held)| (*id, held.receipt_handle.clone())).collect()
    }

    async fn extend(&self, queue: &Queue, timeout: Duration, batch: &[(u64, String)]) {
        let entries: Vec<_> = batch.iter().map(|(_, receipt_handle)| (receipt_handle.clone(), timeout)).collect();
        let asked = Instant::now();
        // A call that hangs must not use up the leases, nor keep those that have run out from being given up.
        let Ok(Ok(results)) = tokio::time::timeout(timeout / 4, queue.change_visibility(&entries)).await else {
            // The next tick tries again, until the leases have run out.
            return;
        };
        let mut all_held = self.held();
        for ((id, _), result) in batch.iter().zip(results) {
            let Some(held) = all_held.get_mut(id) else { continue };
            match result {
                Ok(()) => held.extended = asked,
                Err(error) if error.sender_fault => {
                    // Received by another consumer meanwhile, or deleted.
                    tracing::warn!(queue = queue.name(), %error, "lease lost, SQS refused to extend it");
                    queue.metrics().leases_lost.get_or_create(&label(queue.name())).inc();
                    held.lost.cancel();
                    all_held.remove(id);
                }
                Err(_) => {}
            }
        }
    }
}
