//! Results of payments, from the queue `payments` to the orders.

use std::time::Duration;

use contracts::{Event, PaymentEvent};
use messaging::{Breaker, Delivery, Handler, Verdict};
use tracing::Span;
use tracing::field::Empty;

use crate::order::OrderStatus;
use crate::store::{OrderStore, Settled, Settlement};

/// For an instance of a newer version to take over.
const NEWER_VERSION_PAUSE: Duration = Duration::from_secs(5);

/// Moves orders to `PAID` or `DECLINED`.
pub(crate) struct ResultHandler {
    store: OrderStore,
    queue: String,
    breaker: Breaker,
}

impl ResultHandler {
    pub(crate) fn new(store: OrderStore, queue: String) -> Self {
        Self { store, queue, breaker: Breaker::default() }
    }
}

impl Handler for ResultHandler {
    fn span(&self, delivery: &Delivery) -> Span {
        tracing::error_span!(
            "result",
            order_id = Empty,
            payment_id = Empty,
            message_id = delivery.message_id,
            queue = self.queue,
            attempt = delivery.attempt,
            trace_id = delivery.trace.trace_id(),
        )
    }

    async fn handle(&self, delivery: &Delivery) -> Verdict {
        let event = match Event::<PaymentEvent>::decode(&delivery.body) {
            Ok(event) => event.payload,
            Err(error) => return Verdict::Reject { kind: error.kind(), reason: error.to_string() },
        };
        Span::current().record("payment_id", event.payment_id().to_string());
        let settlement = match event {
            PaymentEvent::Succeeded(payment) => Settlement {
                order_id: payment.order_id,
                status: OrderStatus::Paid,
                amount: payment.amount,
                currency: payment.currency,
            },
            PaymentEvent::Declined(payment) => Settlement {
                order_id: payment.order_id,
                status: OrderStatus::Declined,
                amount: payment.amount,
                currency: payment.currency,
            },
        };
        Span::current().record("order_id", settlement.order_id.to_string());
        let status = settlement.status.clone();
        let settled = self.store.settle(settlement).await;
        match &settled {
            Ok(_) => self.breaker.succeeded(),
            Err(_) => self.breaker.failed(),
        }
        match settled {
            Ok(Settled::Now) => tracing::info!(%status, "order settled"),
            Ok(Settled::Before) => tracing::info!(%status, "result came again, the order stays as it is"),
            Ok(Settled::Otherwise(status)) => {
                let reason = format!("the order is {status} already, and that is final");
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
            Err(error) => return Verdict::Retry { reason: error.to_string(), after: None },
        }
        Verdict::Done
    }

    async fn ready(&self) -> usize {
        self.breaker.ready().await
    }
}

/// A result is deleted once its order has taken it, and dead-lettered if it never can. Neither is known of an order that a
/// newer version has got hold of: the result stays in the queue until that version receives it, or until the order is back
/// in a status that is known here.
fn of_a_newer_version(status: &OrderStatus) -> Verdict {
    let reason = format!("the order is {status}, which a newer version of this service knows");
    Verdict::Retry { reason, after: Some(NEWER_VERSION_PAUSE) }
}
