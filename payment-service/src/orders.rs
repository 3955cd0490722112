//! The queue `orders`: what is told of an order, and who does what follows from it.

use std::time::Duration;

use contracts::{Event, OrderEvent};
use sqs::{Delivery, Handler, Verdict};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tracing::field::Empty;
use tracing::{Instrument, Span};

use crate::ledger::{Attempt, Ledger};
use crate::metrics::Metrics;
use crate::provider::{Provider, Trouble};

/// For an instance of a newer version to take over.
const NEWER_VERSION_PAUSE: Duration = Duration::from_secs(5);

/// Charges each order that it is told of, and takes back what it is told to.
pub(crate) struct OrderHandler {
    pub(crate) ledger: Ledger,
    pub(crate) provider: Provider,
    pub(crate) queue: String,
    /// Where results are sent to.
    pub(crate) results_queue: String,
    /// How long a claim lasts unless it is renewed. Shorter than the message's own lease, which is extended once half of
    /// the visibility timeout has passed: when a worker dies, its claim has ended before the message comes again.
    pub(crate) lease: Duration,
    pub(crate) metrics: Metrics,
}

impl Handler for OrderHandler {
    async fn around(&self, delivery: &Delivery, processing: impl Future<Output = ()> + Send) {
        macro_rules! span {
            ($name:literal) => {
                tracing::error_span!(
                    $name,
                    order_id = Empty,
                    message_id = delivery.message_id,
                    queue = self.queue,
                    attempt = delivery.attempt,
                    trace_id = delivery.trace.trace_id(),
                    span_id = delivery.trace.span_id(),
                )
            };
        }
        // It is named before the body is read, so a glance has to do.
        let cancelled = delivery.body.contains("\"order.cancelled.");
        processing.instrument(if cancelled { span!("refund") } else { span!("charge") }).await;
    }

    async fn handle(&self, delivery: &Delivery) -> Verdict {
        let event: OrderEvent = match Event::decode(&delivery.body) {
            Ok(event) => event.payload,
            Err(error) => return Verdict::Reject { kind: error.kind(), reason: error.to_string() },
        };
        Span::current().record("order_id", event.order().order_id.to_string());
        match event {
            OrderEvent::Created(order) => self.charge(order, delivery).await,
            OrderEvent::Cancelled(cancelled) => self.take_back(cancelled, delivery).await,
        }
    }
}

impl OrderHandler {
    /// Waits for the provider's `answer`, and keeps the claim meanwhile. None: the claim has been lost, and with it the right
    /// to conclude; whoever has it now asks with the same key.
    pub(crate) async fn keeping<T>(
        &self,
        attempt: Attempt,
        delivery: &Delivery,
        answer: impl Future<Output = T>,
    ) -> Option<T> {
        let mut answer = std::pin::pin!(answer);
        let renewal = self.lease / 3;
        let mut renewals = interval_at(Instant::now() + renewal, renewal);
        renewals.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut lost_seen = false;
        loop {
            let renewed = async {
                tokio::select! {
                    () = delivery.lease.lost(), if !lost_seen => lost_seen = true,
                    _ = renewals.tick() => {}
                }
                self.ledger.renew(attempt, self.lease).await
            };
            // However long a renewal takes, the answer is taken when it is there.
            let renewed = tokio::select! {
                biased;
                answer = &mut answer => return Some(answer),
                renewed = renewed => renewed,
            };
            match renewed {
                Ok(true) => {}
                Ok(false) => return None,
                // The fencing number decides when it comes to writing.
                Err(error) => tracing::warn!(%error, "the claim could not be renewed, will try again"),
            }
        }
    }

    /// Lets go of the claim: the provider has said neither yes nor no.
    pub(crate) async fn in_trouble(&self, attempt: Attempt, trouble: Trouble) -> Verdict {
        if let Err(error) = self.ledger.release(attempt).await {
            tracing::warn!(%error, "the claim could not be released, it ends by itself");
        }
        match trouble {
            Trouble::Away { reason, after } => Verdict::Away { reason, after },
            Trouble::Failed { reason, after } => Verdict::Retry { reason, after },
            Trouble::Refused { reason } => Verdict::Reject { kind: "provider-refused", reason },
        }
    }
}

/// Somebody else has the row, and is expected to have it for as long as this.
pub(crate) fn busy(left: Duration) -> Verdict {
    Verdict::Busy { reason: "another attempt at the order is under way".to_owned(), after: left }
}

/// Only a newer version knows what the order's state means.
pub(crate) fn newer(state: &str) -> Verdict {
    let reason = format!("the order is {state} in the ledger, which a newer version of this service knows");
    Verdict::Busy { reason, after: NEWER_VERSION_PAUSE }
}

pub(crate) fn other_amount() -> Verdict {
    let reason = "the order is in the ledger with another amount".to_owned();
    Verdict::Reject { kind: "amount-mismatch", reason }
}
