//! Charging an order: from `order.created` to the ledger, exactly once per order.

use chassis::worker;
use contracts::OrderCreated;
use sqs::{Delivery, Verdict};

use crate::ledger::{Attempt, Claimed, Conclusion, Settled};
use crate::orders::{OrderHandler, busy, newer, other_amount};
use crate::provider::{Charge, Charged, TRACER};

impl OrderHandler {
    pub(crate) async fn charge(&self, order: OrderCreated, delivery: &Delivery) -> Verdict {
        tracing::info!(amount = order.amount, currency = %order.currency, "order received");
        match self.ledger.claim(order.clone(), self.lease, delivery.trace).await {
            Ok(Claimed::Won(attempt)) => self.ask_for_charge(order, attempt, delivery).await,
            Ok(Claimed::Concluded(conclusion)) => {
                let state = conclusion.name();
                tracing::info!(state, "order came again or too late, charged nothing, its result is told again");
                self.metrics.charged("duplicate");
                Verdict::Repeated
            }
            Ok(Claimed::Overtaken) => {
                tracing::info!("order is being taken back, charged nothing");
                self.metrics.charged("duplicate");
                Verdict::Repeated
            }
            Ok(Claimed::Busy(left)) => busy(left),
            Ok(Claimed::Newer(state)) => newer(&state),
            Ok(Claimed::OtherAmount) => other_amount(),
            Err(error) => worker::not_written(&error),
        }
    }

    async fn ask_for_charge(&self, order: OrderCreated, attempt: Attempt, delivery: &Delivery) -> Verdict {
        let OrderCreated { order_id, user_id, amount, currency } = order;
        let charge = Charge { order_id, user_id, amount, currency, attempt: attempt.number, trace: delivery.trace };
        let Some(answer) = self.keeping(attempt, delivery, self.provider.charge(&charge)).await else {
            return busy(self.lease);
        };
        let conclusion = match answer {
            Ok(Charged::Succeeded { charge_id }) => Conclusion::Succeeded { charge_id },
            Ok(Charged::Declined { reason }) => Conclusion::Declined { reason },
            Err(trouble) => {
                self.metrics.charged(trouble.name());
                return self.in_trouble(attempt, trouble).await;
            }
        };
        let payment_id = attempt.payment_id;
        let mut creation = TRACER.create(&self.results_queue, attempt.order_id, delivery.trace);
        let settled = self.ledger.settle(attempt, conclusion.clone(), creation.context()).await;
        match settled.inspect_err(|error| creation.fail("not-stored", error.to_string())) {
            Ok(Settled::Now) => {
                match &conclusion {
                    Conclusion::Declined { reason } => tracing::info!(%payment_id, reason, "order declined"),
                    Conclusion::Succeeded { charge_id } => tracing::info!(%payment_id, charge_id, "order charged"),
                    Conclusion::Cancelled { .. } | Conclusion::Refunded { .. } => {}
                }
                self.metrics.charged(conclusion.name());
                Verdict::Done
            }
            Ok(Settled::Fenced) => busy(self.lease),
            // The provider knows the key: the next attempt gets the same answer.
            Err(error) => worker::not_written(&error),
        }
    }
}

impl Conclusion {
    /// For logs and metrics.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Succeeded { .. } => "succeeded",
            Self::Declined { .. } => "declined",
            Self::Cancelled { .. } => "voided",
            Self::Refunded { .. } => "refunded",
        }
    }
}
