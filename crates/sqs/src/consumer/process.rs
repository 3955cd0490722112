//! A message's way from the receive to its settlement.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep};
use tracing::Instrument;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::delivery::{Delivery, Handler, Verdict};
use super::outage::{Blame, Tries, Turn};
use super::shared::Shared;
use crate::metrics::label;
use crate::trace::{TRACEPARENT, TraceContext};

/// Processes what a receive has brought, side by side in one task: messages that came together often wait for the same
/// write and the same delete, and are then woken once. Each has a slot of its own, which is free again, and a lease, which
/// ends, when it has been processed, whatever the others do.
pub(super) async fn process<H: Handler>(
    shared: Arc<Shared<H>>,
    messages: Vec<Message>,
    hidden_for: Duration,
    slots: Vec<OwnedSemaphorePermit>,
) {
    // All leases begin before the first message is handled.
    let deliveries = messages.into_iter().map(|message| shared.delivery(message, hidden_for));
    let mut processing: FuturesUnordered<_> =
        deliveries.zip(slots).map(|(delivery, slot)| shared.process_in(slot, delivery)).collect();
    while processing.next().await.is_some() {}
}

/// Why a held message is not tried again.
enum NoMore {
    Stopped,
    /// SQS would not let it be held for much longer.
    HeldTooLong,
    /// Somebody else has it by now, or will.
    LeaseLost,
}

impl<H: Handler> Shared<H> {
    /// Processes a message whose slot this is. Should that panic, it is this message's harm alone: it comes again after its
    /// visibility timeout.
    async fn process_in(&self, _slot: OwnedSemaphorePermit, mut delivery: Delivery) {
        let in_flight = self.queue.metrics().in_flight.get_or_create_owned(&label(self.queue.name()));
        in_flight.inc();
        let processing = async {
            let span = self.handler.span(&delivery);
            delivery.trace = delivery.trace.begin(&span);
            // OpenTelemetry's semantic conventions for messaging.
            span.set_attribute("messaging.system", "aws_sqs");
            span.set_attribute("messaging.operation.name", "process");
            span.set_attribute("messaging.destination.name", self.queue.name().to_owned());
            span.set_attribute("messaging.message.id", delivery.message_id.clone());
            self.process(&delivery).instrument(span).await;
        };
        if AssertUnwindSafe(processing).catch_unwind().await.is_err() {
            let (queue, message_id) = (self.queue.name(), &delivery.message_id);
            tracing::error!(queue, message_id, "processing a message panicked, it will come again");
        }
        self.progress.made();
        in_flight.dec();
    }

    fn delivery(&self, message: Message, hidden_for: Duration) -> Delivery {
        let attributes: BTreeMap<String, String> = message
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
            lease: self.leases.hold(message.receipt_handle.unwrap_or_default(), hidden_for),
        }
    }

    /// Has the message handled, again and again where nobody is to blame, until it can be settled.
    async fn process(&self, delivery: &Delivery) {
        let mut tries = Tries::first();
        // Held for as long as the message is on trial for all.
        let mut turn = None;
        loop {
            if self.stop.is_cancelled() {
                let Err(no_more) = self.hold(delivery, pending::<Infallible>()).await;
                return self.let_go(delivery, no_more).await;
            }
            let Some(verdict) = self.handle(delivery).await else { return self.give_back(delivery).await };
            let (after, reason) = match verdict {
                Verdict::Done => {
                    self.outage.got_through(&tries);
                    return self.delete(delivery, "done").await;
                }
                Verdict::Repeated => return self.delete(delivery, "done").await,
                Verdict::Reject { kind, reason } => return self.reject(delivery, kind, reason).await,
                Verdict::Retry { reason, after } => match self.outage.failed(&delivery.message_id, &mut tries) {
                    Blame::Message => return self.retry(delivery, &reason, after).await,
                    Blame::Nobody => (after, reason),
                },
                Verdict::Away { reason, after } => match self.outage.away(&delivery.message_id, &mut tries) {
                    Blame::Message => return self.retry(delivery, &reason, after).await,
                    Blame::Nobody => (after, reason),
                },
                Verdict::Busy { reason, after } => {
                    tracing::info!(reason, again_in_ms = after.as_millis() as u64, "held, will try again in place");
                    drop(turn.take());
                    match self.hold(delivery, sleep(after)).await {
                        Ok(()) => continue,
                        Err(no_more) => return self.let_go(delivery, no_more).await,
                    }
                }
            };
            if tries.number() == 1 {
                tracing::warn!(reason, "held, will try again in place until it gets through");
            } else {
                tracing::debug!(reason, tries = tries.number(), "still held");
            }
            drop(turn.take());
            match self.hold(delivery, self.outage.turn(&tries, after)).await {
                Ok(next) => turn = Some::<Turn<'_>>(next),
                Err(no_more) => return self.let_go(delivery, no_more).await,
            }
            tries.begin_another();
        }
    }

    /// The handler's verdict; none if the consumer cannot wait for it any longer.
    async fn handle(&self, delivery: &Delivery) -> Option<Verdict> {
        let started = Instant::now();
        let handling = AssertUnwindSafe(self.handler.handle(delivery)).catch_unwind();
        let verdict = tokio::select! {
            verdict = handling => verdict,
            () = self.abort.cancelled() => return None,
        };
        let taken = started.elapsed().as_secs_f64();
        self.queue.metrics().handling.get_or_create(&label(self.queue.name())).observe(taken);
        Some(verdict.unwrap_or_else(|_| Verdict::Retry { reason: "the handler panicked".to_owned(), after: None }))
    }

    /// Waits while the message keeps its slot and its lease.
    async fn hold<T>(&self, delivery: &Delivery, waiting: impl Future<Output = T>) -> Result<T, NoMore> {
        let _held = delivery.lease.hold_on_purpose();
        tokio::select! {
            waited = waiting => Ok(waited),
            () = self.polled.cancelled() => Err(NoMore::Stopped),
            () = delivery.lease.longest_hold() => Err(NoMore::HeldTooLong),
            () = delivery.lease.lost() => Err(NoMore::LeaseLost),
        }
    }

    async fn let_go(&self, delivery: &Delivery, no_more: NoMore) {
        match no_more {
            NoMore::Stopped | NoMore::HeldTooLong => self.give_back(delivery).await,
            NoMore::LeaseLost => tracing::warn!("no longer held, the message will come again"),
        }
    }
}
