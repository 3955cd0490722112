//! The payment provider: who moves the money.

mod http;
mod simulator;

use std::time::Duration;

use contracts::Currency;
use opentelemetry::trace::SpanKind;
use sqs::TraceContext;
use sqs::trace::{OpenSpan, Tracer};
use uuid::Uuid;

pub use http::{HttpProvider, InvalidProviderUrl, ProviderUrl};
pub use simulator::{Presence, Simulator};

pub(crate) static TRACER: Tracer = Tracer::of("payment-service");

/// A charge to be made, the same in every try.
#[derive(Clone, Debug)]
pub struct Charge {
    /// The idempotency key: however often it is asked for, the provider charges it once.
    pub order_id: Uuid,
    /// Who pays.
    pub user_id: String,
    /// How much, in minor units.
    pub amount: i64,
    /// The currency of `amount`.
    pub currency: Currency,
    /// Which try this is, counted from 1.
    pub attempt: i64,
    /// What it is part of.
    pub trace: TraceContext,
}

/// What the provider said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is charged.
    Succeeded {
        /// The provider's id of the charge.
        charge_id: String,
    },
    /// It will not be charged.
    Declined {
        /// Why.
        reason: String,
    },
    /// The provider is not there, or says that it cannot serve anybody now. It may or may not have been charged; ask again
    /// with the same key.
    Away {
        /// What went wrong.
        reason: String,
        /// When the provider wants to be asked again.
        after: Option<Duration>,
    },
    /// The provider failed at this charge. It may or may not have been charged; ask again later with the same key.
    Failed {
        /// What went wrong.
        reason: String,
        /// When the provider wants to be asked again.
        after: Option<Duration>,
    },
    /// The provider will never understand this charge.
    Refused {
        /// What it said.
        reason: String,
    },
}

impl Answer {
    /// Tells a span of it: a decline is an answer like any other.
    fn tell(&self, span: &mut OpenSpan) {
        match self {
            Self::Succeeded { .. } | Self::Declined { .. } => {}
            Self::Away { reason, .. } => span.fail("away", reason.clone()),
            Self::Failed { reason, .. } => span.fail("failed", reason.clone()),
            Self::Refused { reason } => span.fail("refused", reason.clone()),
        }
    }
}

/// Either provider.
pub enum Provider {
    /// `PAYMENT_PROVIDER_URL` is not set.
    Simulated(Simulator),
    /// It is.
    Http(HttpProvider),
}

impl Provider {
    /// Asks for a charge. Dropping the future does not undo it.
    pub async fn charge(&self, charge: &Charge) -> Answer {
        match self {
            Self::Simulated(simulator) => {
                let mut span = TRACER.begin("simulated charge", SpanKind::Internal, charge.trace);
                let answer = simulator.charge(charge).await;
                answer.tell(&mut span);
                answer
            }
            Self::Http(provider) => provider.charge(charge).await,
        }
    }
}
