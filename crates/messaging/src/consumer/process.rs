//! One message's way from the receive to its settlement.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use futures::FutureExt;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep};
use tracing::Instrument;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::batcher::SettleError;
use super::{Delivery, Handler, Shared, Verdict};
use crate::backoff::Backoff;
use crate::dead_letter::{self, Failure};
use crate::metrics::label;
use crate::trace::{TRACEPARENT, TraceContext};

/// The longest that SQS hides a message; counted from the receive, so that some of it is left for the handling.
const MAX_VISIBILITY: Duration = Duration::from_secs(11 * 60 * 60);
const SETTLE_BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));

/// Processes a message. `slot` is free again, and the lease ends, when this returns.
pub(super) async fn process<H: Handler>(shared: Arc<Shared<H>>, message: Message, slot: OwnedSemaphorePermit) {
    let mut delivery = shared.delivery(message);
    let in_flight = shared.queue.metrics().in_flight.get_or_create_owned(&label(shared.queue.name()));
    in_flight.inc();
    let span = shared.handler.span(&delivery);
    delivery.trace = delivery.trace.begin(&span);
    // OpenTelemetry's semantic conventions for messaging.
    span.set_attribute("messaging.system", "aws_sqs");
    span.set_attribute("messaging.operation.name", "process");
    span.set_attribute("messaging.destination.name", shared.queue.name().to_owned());
    span.set_attribute("messaging.message.id", delivery.message_id.clone());
    shared.process(&delivery).instrument(span).await;
    shared.progress.made();
    in_flight.dec();
    drop(slot);
}

impl<H: Handler> Shared<H> {
    fn delivery(&self, message: Message) -> Delivery {
        let attributes: std::collections::BTreeMap<String, String> = message
            .message_attributes
            .unwrap_or_default()
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.string_value?)))
            .collect();
        let receive_count = message
            .attributes
            .as_ref()
            .and_then(|attributes| attributes.get(&MessageSystemAttributeName::ApproximateReceiveCount)?.parse().ok());
        Delivery {
            message_id: message.message_id.unwrap_or_default(),
            body: message.body.unwrap_or_default(),
            attempt: receive_count.unwrap_or(1),
            trace: TraceContext::continue_from(attributes.get(TRACEPARENT).map(String::as_str)),
            attributes,
            lease: self.leases.hold(message.receipt_handle.unwrap_or_default()),
        }
    }

    async fn process(&self, delivery: &Delivery) {
        if self.stop.is_cancelled() {
            return self.give_back(delivery).await;
        }
        let started = Instant::now();
        let handling = AssertUnwindSafe(self.handler.handle(delivery)).catch_unwind();
        let verdict = tokio::select! {
            verdict = handling => verdict,
            () = self.abort.cancelled() => return self.give_back(delivery).await,
        };
        let taken = started.elapsed().as_secs_f64();
        self.queue.metrics().handling.get_or_create(&label(self.queue.name())).observe(taken);
        match verdict {
            Ok(Verdict::Done) => self.delete(delivery, "done").await,
            Ok(Verdict::Retry { reason, after }) => self.retry(delivery, &reason, after).await,
            Ok(Verdict::Reject { kind, reason }) => self.reject(delivery, kind, reason).await,
            Err(_) => self.retry(delivery, "the handler panicked", None).await,
        }
    }

    /// Deletes the message; tries until it is gone or somebody else has it.
    async fn delete(&self, delivery: &Delivery, outcome: &'static str) {
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
    async fn retry(&self, delivery: &Delivery, reason: &str, after: Option<Duration>) {
        let wait = after.unwrap_or_else(|| self.config.retry.wait(delivery.attempt)).min(MAX_VISIBILITY);
        let last = match self.queue.properties().await {
            Ok(properties) => properties.max_receive_count.is_some_and(|max| delivery.attempt >= max),
            Err(_) => false,
        };
        if last {
            tracing::error!(reason, "dead-lettered, receives exhausted");
            self.queue.metrics().settled(self.queue.name(), "exhausted");
            return self.set_visibility(delivery, Duration::ZERO).await;
        }
        tracing::warn!(reason, retry_in_ms = wait.as_millis() as u64, "will retry");
        self.queue.metrics().settled(self.queue.name(), "retry");
        self.set_visibility(delivery, wait).await;
    }

    /// Sends the message to the dead-letter queue with its reason, then deletes it. Whatever fails, it stays somewhere.
    async fn reject(&self, delivery: &Delivery, kind: &'static str, reason: String) {
        let queue = self.dead_letter_queue.get_or_try_init(|| self.queue.dead_letter_queue()).await;
        let queue = match queue {
            Ok(Some(queue)) => queue,
            Ok(None) => return self.retry(delivery, "the queue has no dead-letter queue", None).await,
            Err(error) => return self.retry(delivery, &error.to_string(), None).await,
        };
        let failure = Failure { kind, reason: &reason };
        match dead_letter::send(queue, delivery, failure).await {
            Ok(()) => {
                tracing::error!(dead_letter_queue = queue.name(), kind, reason, "dead-lettered");
                self.delete(delivery, "dead-lettered").await;
            }
            Err(error) => self.retry(delivery, &format!("the dead-letter queue did not take it: {error}"), None).await,
        }
    }

    /// Makes the message visible to other consumers at once.
    async fn give_back(&self, delivery: &Delivery) {
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
