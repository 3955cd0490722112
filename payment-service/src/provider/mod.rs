//! The payment provider: who moves the money.

mod answer;
mod http;
mod simulator;
mod url;

use std::time::Duration;

use chassis::trace::{OpenSpan, Tracer};
use contracts::Currency;
use opentelemetry::trace::SpanKind;
use sqs::TraceContext;
use uuid::Uuid;

pub use http::HttpProvider;
pub use simulator::{Presence, Simulator};
pub use url::{InvalidProviderUrl, ProviderUrl};

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

/// A refund to be made, whole, and the same in every try. Its idempotency key is made of the order's id.
#[derive(Clone, Debug)]
pub struct Refund {
    /// The order whose charge is to be given back.
    pub order_id: Uuid,
    /// How much, in minor units.
    pub amount: i64,
    /// The currency of `amount`.
    pub currency: Currency,
    /// Which try this is, counted from 1.
    pub attempt: i64,
    /// Whether the ledger knows that the order was charged.
    pub charged: bool,
    /// What it is part of.
    pub trace: TraceContext,
}

/// What the provider said of a charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Charged {
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
}

/// What the provider said of a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refunded {
    /// What was charged is given back.
    Refunded {
        /// The provider's id of the refund.
        id: String,
    },
    /// The order was never charged, and a charge that comes later will be declined.
    Voided,
}

/// Why the provider said neither yes nor no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The provider is not there, or says that it cannot serve anybody now. It may or may not have done it; ask again with
    /// the same key.
    Away {
        /// What went wrong.
        reason: String,
        /// When the provider wants to be asked again.
        after: Option<Duration>,
    },
    /// The provider failed at this one. It may or may not have done it; ask again later with the same key.
    Failed {
        /// What went wrong.
        reason: String,
        /// When the provider wants to be asked again.
        after: Option<Duration>,
    },
    /// The provider will never understand this one.
    Refused {
        /// What it said.
        reason: String,
    },
}

impl Trouble {
    fn failed(reason: String) -> Self {
        Self::Failed { reason, after: None }
    }

    /// Its name among the outcomes that are counted and traced.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Away { .. } => "away",
            Self::Failed { .. } => "failed",
            Self::Refused { .. } => "refused",
        }
    }

    /// Tells a span of it.
    fn tell(&self, span: &mut OpenSpan) {
        let (Self::Away { reason, .. } | Self::Failed { reason, .. } | Self::Refused { reason }) = self;
        span.fail(self.name(), reason.clone());
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
    pub async fn charge(&self, charge: &Charge) -> Result<Charged, Trouble> {
        match self {
            Self::Simulated(simulator) => {
                let mut span = TRACER.begin("simulated charge", SpanKind::Internal, charge.trace);
                simulator.charge(charge).await.inspect_err(|trouble| trouble.tell(&mut span))
            }
            Self::Http(provider) => provider.charge(charge).await,
        }
    }

    /// Asks for a refund. Dropping the future does not undo it.
    pub async fn refund(&self, refund: &Refund) -> Result<Refunded, Trouble> {
        match self {
            Self::Simulated(simulator) => {
                let mut span = TRACER.begin("simulated refund", SpanKind::Internal, refund.trace);
                simulator.refund(refund).await.inspect_err(|trouble| trouble.tell(&mut span))
            }
            Self::Http(provider) => provider.refund(refund).await,
        }
    }
}
