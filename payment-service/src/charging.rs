//! Charging an order: from the queue `orders` to the ledger, exactly once per order.

use std::time::Duration;

use chassis::worker;
use contracts::{Event, OrderCreated, OrderEvent};
use sqs::{Delivery, Handler, Verdict};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tracing::Span;
use tracing::field::Empty;

use crate::ledger::{Attempt, Claimed, Conclusion, Ledger, Settled};
use crate::metrics::Metrics;
use crate::provider::{Answer, Charge, Provider, TRACER};

/// For an instance of a newer version to take over.
const NEWER_VERSION_PAUSE: Duration = Duration::from_secs(5);

/// Charges each order that it is told of.
pub(crate) struct ChargeHandler {
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

impl Handler for ChargeHandler {
    fn span(&self, delivery: &Delivery) -> Span {
        tracing::error_span!(
            "charge",
            order_id = Empty,
            message_id = delivery.message_id,
            queue = self.queue,
            attempt = delivery.attempt,
            trace_id = delivery.trace.trace_id(),
            span_id = delivery.trace.span_id(),
        )
    }

    async fn handle(&self, delivery: &Delivery) -> Verdict {
        let OrderEvent::Created(order) = match Event::decode(&delivery.body) {
            Ok(event) => event.payload,
            Err(error) => return Verdict::Reject { kind: error.kind(), reason: error.to_string() },
        };
        Span::current().record("order_id", order.order_id.to_string());
        tracing::info!(amount = order.amount, currency = %order.currency, "order received");
        match self.ledger.claim(order.clone(), self.lease, delivery.trace).await {
            Ok(Claimed::Won(attempt)) => self.charge(order, attempt, delivery).await,
            Ok(Claimed::Concluded(conclusion)) => {
                let state = conclusion.name();
                tracing::info!(state, "order came again, charged nothing, its result is told again");
                self.metrics.charged("duplicate");
                Verdict::Repeated
            }
            Ok(Claimed::Busy(left)) => busy(left),
            Ok(Claimed::Newer(state)) => {
                let reason = format!("the order is {state} in the ledger, which a newer version of this service knows");
                Verdict::Busy { reason, after: NEWER_VERSION_PAUSE }
            }
            Ok(Claimed::OtherAmount) => {
                let reason = "the order is in the ledger with another amount".to_owned();
                Verdict::Reject { kind: "amount-mismatch", reason }
            }
            Err(error) => worker::not_written(&error),
        }
    }
}

impl ChargeHandler {
    async fn charge(&self, order: OrderCreated, attempt: Attempt, delivery: &Delivery) -> Verdict {
        let charge = Charge {
            order_id: order.order_id,
            user_id: order.user_id,
            amount: order.amount,
            currency: order.currency,
            attempt: attempt.number,
            trace: delivery.trace,
        };
        let Some(answer) = self.ask_provider(&charge, attempt, delivery).await else { return busy(self.lease) };
        match answer {
            Answer::Succeeded { charge_id } => {
                self.settle(attempt, Conclusion::Succeeded { charge_id }, delivery).await
            }
            Answer::Declined { reason } => self.settle(attempt, Conclusion::Declined { reason }, delivery).await,
            Answer::Away { reason, after } => {
                self.metrics.charged("away");
                self.release(attempt).await;
                Verdict::Away { reason, after }
            }
            Answer::Failed { reason, after } => {
                self.metrics.charged("failed");
                self.release(attempt).await;
                Verdict::Retry { reason, after }
            }
            Answer::Refused { reason } => {
                self.metrics.charged("refused");
                self.release(attempt).await;
                Verdict::Reject { kind: "provider-refused", reason }
            }
        }
    }

    /// Asks the provider, and keeps the claim meanwhile. None: the claim has been lost, and with it the right to conclude;
    /// whoever has it now asks with the same key.
    async fn ask_provider(&self, charge: &Charge, attempt: Attempt, delivery: &Delivery) -> Option<Answer> {
        let mut answer = std::pin::pin!(self.provider.charge(charge));
        let renewal = self.lease / 3;
        let mut renewals = interval_at(Instant::now() + renewal, renewal);
        renewals.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut lost_seen = false;
        loop {
            tokio::select! {
                biased;
                answer = &mut answer => return Some(answer),
                () = delivery.lease.lost(), if !lost_seen => lost_seen = true,
                _ = renewals.tick() => {}
            }
            match self.ledger.renew(attempt, self.lease).await {
                Ok(true) => {}
                Ok(false) => return None,
                // The fencing number decides when it comes to writing.
                Err(error) => tracing::warn!(%error, "the claim could not be renewed, will try again"),
            }
        }
    }

    async fn settle(&self, attempt: Attempt, conclusion: Conclusion, delivery: &Delivery) -> Verdict {
        let payment_id = attempt.payment_id;
        let mut creation = TRACER.create(&self.results_queue, attempt.order_id, delivery.trace);
        let settled = self.ledger.settle(attempt, conclusion.clone(), creation.context()).await;
        match settled.inspect_err(|error| creation.fail("not-stored", error.to_string())) {
            Ok(Settled::Now) => {
                match &conclusion {
                    Conclusion::Succeeded { charge_id } => tracing::info!(%payment_id, charge_id, "order charged"),
                    Conclusion::Declined { reason } => tracing::info!(%payment_id, reason, "order declined"),
                }
                self.metrics.charged(conclusion.name());
                Verdict::Done
            }
            Ok(Settled::Fenced) => busy(self.lease),
            // The provider knows the key: the next attempt gets the same answer.
            Err(error) => worker::not_written(&error),
        }
    }

    async fn release(&self, attempt: Attempt) {
        if let Err(error) = self.ledger.release(attempt).await {
            tracing::warn!(%error, "the claim could not be released, it ends by itself");
        }
    }
}

impl Conclusion {
    fn name(&self) -> &'static str {
        match self {
            Self::Succeeded { .. } => "succeeded",
            Self::Declined { .. } => "declined",
        }
    }
}

fn busy(left: Duration) -> Verdict {
    Verdict::Busy { reason: "another attempt to charge it is under way".to_owned(), after: left }
}
