//! Taking an order back: from `order.cancelled` to the ledger, refunded exactly once if it was charged.

use chassis::worker;
use contracts::{OrderCancelled, OrderCreated};
use sqs::{Delivery, Verdict};

use crate::ledger::{Cancellation, Claimed, Conclusion, Settled};
use crate::orders::{OrderHandler, busy, newer, other_amount};
use crate::provider::{Refund, Refunded, TRACER, Trouble};

impl OrderHandler {
    pub(crate) async fn take_back(&self, cancelled: OrderCancelled, delivery: &Delivery) -> Verdict {
        let OrderCancelled { order, .. } = cancelled;
        tracing::info!(amount = order.amount, currency = %order.currency, "cancellation received");
        match self.ledger.cancel(order.clone(), self.lease, delivery.trace).await {
            Ok(Claimed::Won(cancellation)) => self.ask_for_refund(order, cancellation, delivery).await,
            Ok(Claimed::Concluded(conclusion)) => {
                tracing::info!(state = conclusion.name(), "order taken back, there is nothing to refund");
                let never_charged = matches!(conclusion, Conclusion::Cancelled { .. });
                self.metrics.refunded(if never_charged { "not-charged" } else { "duplicate" });
                Verdict::Repeated
            }
            // The charge or another cancellation is under way; its end decides.
            Ok(Claimed::Busy(left)) => busy(left),
            Ok(Claimed::Overtaken) => busy(self.lease),
            Ok(Claimed::Newer(state)) => newer(&state),
            Ok(Claimed::OtherAmount) => other_amount(),
            Err(error) => worker::not_written(&error),
        }
    }

    async fn ask_for_refund(&self, order: OrderCreated, cancellation: Cancellation, delivery: &Delivery) -> Verdict {
        let Cancellation { attempt, refund_id, tries, charged } = cancellation;
        let OrderCreated { order_id, amount, currency, .. } = order;
        let refund = Refund { order_id, amount, currency, attempt: tries, charged, trace: delivery.trace };
        let Some(answer) = self.keeping(attempt, delivery, self.provider.refund(&refund)).await else {
            return busy(self.lease);
        };
        let answer = answer.and_then(|refunded| match refunded {
            // One of the two is wrong about somebody's money, and guessing which would hide it.
            Refunded::Voided if charged => Err(Trouble::Failed {
                reason: "the provider says that it never charged the order, and it has said before that it did"
                    .to_owned(),
                after: None,
            }),
            Refunded::Voided => Ok(cancellation.voided()),
            Refunded::Refunded { id } => Ok(cancellation.refunded(id)),
        });
        let conclusion = match answer {
            Ok(conclusion) => conclusion,
            Err(trouble) => {
                self.metrics.refunded(trouble.name());
                return self.in_trouble(attempt, trouble).await;
            }
        };
        let outcome = conclusion.name();
        let mut creation = TRACER.create(&self.results_queue, attempt.order_id, delivery.trace);
        let settled = self.ledger.settle(attempt, conclusion, creation.context()).await;
        match settled.inspect_err(|error| creation.fail("not-stored", error.to_string())) {
            Ok(Settled::Now) => {
                let payment_id = attempt.payment_id;
                tracing::info!(%payment_id, %refund_id, outcome, "order taken back");
                self.metrics.refunded(outcome);
                Verdict::Done
            }
            Ok(Settled::Fenced) => busy(self.lease),
            // The provider knows the key: the next attempt gets the same answer.
            Err(error) => worker::not_written(&error),
        }
    }
}
