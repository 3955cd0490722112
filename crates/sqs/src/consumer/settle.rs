//! Settling a message: what its handler decided becomes of it at SQS.

use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::sleep;

use super::batcher::SettleError;
use super::delivery::{Delivery, Handler};
use super::shared::Shared;
use crate::backoff::Backoff;
use crate::dead_letter::{self, Failure, SendError};
use crate::queue::Queue;

/// The longest that SQS hides a message; counted from the receive, so that some of it is left for the handling.
const MAX_VISIBILITY: Duration = Duration::from_secs(11 * 60 * 60);
const SETTLE_BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));

impl<H: Handler> Shared<H> {
    /// Deletes the message; tries until it is gone or somebody else has it.
    pub(super) async fn delete(&self, delivery: &Delivery, outcome: &'static str) {
        for attempt in 1.. {
            let receipt_handle = delivery.lease.receipt_handle().to_owned();
            let error = match self.deletes.submit(receipt_handle).await {
                Ok(()) => return self.queue.metrics().settled(self.queue.name(), outcome),
                Err(error) => error,
            };
            let hopeless = matches!(&error, SettleError::Entry(entry) if entry.sender_fault);
            if hopeless || delivery.lease.is_lost() || self.abort.is_cancelled() {
                tracing::warn!(%error, "not deleted, the message will come again");
                return self.queue.metrics().settled(self.queue.name(), "not-deleted");
            }
            tracing::debug!(%error, "not deleted yet");
            tokio::select! {
                () = sleep(SETTLE_BACKOFF.wait(attempt)) => {}
                () = delivery.lease.lost() => {}
                () = self.abort.cancelled() => {}
            }
        }
    }

    /// Has the message received again after a wait. Past the last receive that the redrive policy allows there is nothing
    /// to wait for: its next receive moves it to the dead-letter queue.
    pub(super) async fn retry(&self, delivery: &Delivery, reason: &str, after: Option<Duration>) {
        if self.is_last_receive(delivery).await {
            tracing::error!(reason, "dead-lettered, receives exhausted");
            self.queue.metrics().settled(self.queue.name(), "exhausted");
            return self.set_visibility(delivery, Duration::ZERO).await;
        }
        let wait = after.unwrap_or_else(|| self.config.retry.wait(delivery.attempt)).min(MAX_VISIBILITY);
        tracing::warn!(reason, retry_in_ms = wait.as_millis() as u64, "will retry");
        self.queue.metrics().settled(self.queue.name(), "retry");
        self.set_visibility(delivery, wait).await;
    }

    /// Whether SQS will move the message when it would be received next. One that has come beyond the limit shows that the
    /// limit is no longer what it was.
    async fn is_last_receive(&self, delivery: &Delivery) -> bool {
        let Ok(properties) = self.queue.properties().await else { return false };
        let Some(limit) = properties.max_receive_count else { return false };
        if delivery.attempt > limit {
            self.queue.contradicted();
        }
        delivery.attempt == limit
    }

    /// Sends the message to the dead-letter queue with its reason, then deletes it. Whatever fails, it stays somewhere:
    /// while the dead-letter queue is out of reach, here.
    pub(super) async fn reject(&self, delivery: &Delivery, kind: &'static str, reason: String) {
        for attempt in 1.. {
            let failure = Failure {
                message_id: &delivery.message_id,
                body: &delivery.body,
                attributes: &delivery.attributes,
                receive_count: delivery.attempt,
                kind,
                reason: &reason,
            };
            let error = match self.send_to_dead_letter_queue(failure).await {
                Ok(Some(dead_letter_queue)) => {
                    tracing::error!(dead_letter_queue, kind, reason, "dead-lettered");
                    return self.delete(delivery, "dead-lettered").await;
                }
                Ok(None) => return self.retry(delivery, "the queue has no dead-letter queue", None).await,
                Err(SendError::Queue(error)) if error.is_outage() => error,
                Err(error) => {
                    let reason = format!("the dead-letter queue did not take it: {error}");
                    return self.retry(delivery, &reason, None).await;
                }
            };
            tracing::debug!(%error, "not dead-lettered yet");
            let _held = delivery.lease.hold_on_purpose();
            tokio::select! {
                () = sleep(SETTLE_BACKOFF.wait(attempt)) => {}
                () = delivery.lease.longest_hold() => return self.give_back(delivery).await,
                () = delivery.lease.lost() => return tracing::warn!(%error, "no longer held, the message will come again"),
                () = self.polled.cancelled() => return self.give_back(delivery).await,
            }
        }
    }

    /// The queue's name that has taken it; none if there is no dead-letter queue.
    async fn send_to_dead_letter_queue(&self, failure: Failure<'_>) -> Result<Option<String>, SendError> {
        let Some(name) = self.queue.properties().await?.dead_letter_queue.clone() else { return Ok(None) };
        let queue = self.dead_letter_queue(&name);
        dead_letter::send(&queue, failure).await?;
        Ok(Some(name))
    }

    /// The same one for as long as the redrive policy names it, so that its address is asked for once.
    fn dead_letter_queue(&self, name: &str) -> Queue {
        let mut known = self.dead_letter_queue.lock().unwrap_or_else(PoisonError::into_inner);
        known.take_if(|queue| queue.name() != name);
        known.get_or_insert_with(|| self.queue.sibling(name)).clone()
    }

    /// Makes the message visible to other consumers at once.
    pub(super) async fn give_back(&self, delivery: &Delivery) {
        tracing::info!("given back");
        self.queue.metrics().settled(self.queue.name(), "given-back");
        self.set_visibility(delivery, Duration::ZERO).await;
    }

    async fn set_visibility(&self, delivery: &Delivery, timeout: Duration) {
        if delivery.lease.is_lost() {
            return;
        }
        let receipt_handle = delivery.lease.receipt_handle().to_owned();
        if let Err(error) = self.visibility_changes.submit((receipt_handle, timeout)).await {
            // It comes back all the same, when its visibility timeout ends.
            tracing::warn!(%error, "visibility not changed");
        }
    }
}
