//! Results of payments, from the queue `payments` to the orders.

use std::time::Duration;

use chassis::worker;
use contracts::{Event, Payload, PaymentEvent};
use sqs::{Delivery, Handler, Verdict};
use tracing::field::Empty;
use tracing::{Instrument, Span};

use crate::metrics::OrderMetrics;
use crate::order::OrderStatus;
use crate::store::{OrderStore, Settled, Settlement};

/// How soon an order that a newer version has got hold of is looked at again.
const NEWER_VERSION_PAUSE: Duration = Duration::from_secs(5);

/// Moves orders to `PAID` or `DECLINED`, and those that are taken back to `CANCELLED` or `REFUNDED`.
pub(crate) struct ResultHandler {
    store: OrderStore,
    queue: String,
    metrics: OrderMetrics,
}

impl ResultHandler {
    pub(crate) fn new(store: OrderStore, queue: String, metrics: OrderMetrics) -> Self {
        Self { store, queue, metrics }
    }
}

impl Handler for ResultHandler {
    async fn around(&self, delivery: &Delivery, processing: impl Future<Output = ()> + Send) {
        let span = tracing::error_span!(
            "result",
            order_id = Empty,
            payment_id = Empty,
            message_id = delivery.message_id,
            queue = self.queue,
            attempt = delivery.attempt,
            trace_id = delivery.trace.trace_id(),
            span_id = delivery.trace.span_id(),
        );
        processing.instrument(span).await;
    }

    async fn handle(&self, delivery: &Delivery) -> Verdict {
        let event = match Event::<PaymentEvent>::decode(&delivery.body) {
            Ok(event) => event.payload,
            Err(error) => return Verdict::Reject { kind: error.kind(), reason: error.to_string() },
        };
        if let Some(payment_id) = event.payment_id() {
            Span::current().record("payment_id", payment_id.to_string());
        }
        let status = match event {
            PaymentEvent::Succeeded(_) => OrderStatus::Paid,
            PaymentEvent::Declined(_) => OrderStatus::Declined,
            PaymentEvent::Cancelled(_) => OrderStatus::Cancelled,
            PaymentEvent::Refunded(_) => OrderStatus::Refunded,
        };
        let (amount, currency) = event.amount();
        let settlement = Settlement { order_id: event.subject(), status, amount, currency };
        Span::current().record("order_id", settlement.order_id.to_string());
        let (status, order_id) = (settlement.status.clone(), settlement.order_id);
        match self.store.settle(settlement).await {
            Ok(Settled::Now) => {
                self.metrics.ended(&status, order_id);
                tracing::info!(%status, "order settled");
            }
            Ok(Settled::Before) => tracing::info!(%status, "result came again or too late, the order stays as it is"),
            Ok(Settled::Otherwise(status)) => {
                let reason = format!("the order is {status}, which the result contradicts");
                return Verdict::Reject { kind: "contradicting-result", reason };
            }
            Ok(Settled::Newer(status)) => return of_a_newer_version(&status),
            Ok(Settled::OtherAmount) => {
                let reason = "the order is about another amount".to_owned();
                return Verdict::Reject { kind: "amount-mismatch", reason };
            }
            Ok(Settled::Unknown) => {
                return Verdict::Reject { kind: "unknown-order", reason: "there is no such order".to_owned() };
            }
            Err(error) => return worker::not_written(&error),
        }
        Verdict::Done
    }
}

/// A result is deleted once its order has taken it, and dead-lettered if it never can. Neither is known of an order that a
/// newer version has got hold of: the result is held until the order is back in a status that is known here, or until this
/// instance stops and that version receives it. That costs no receive while there are slots left for others.
fn of_a_newer_version(status: &OrderStatus) -> Verdict {
    let reason = format!("the order is {status}, which a newer version of this service knows");
    Verdict::Busy { reason, after: NEWER_VERSION_PAUSE }
}
