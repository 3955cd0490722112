//! What the payment service counts beside its messages.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

/// What can become of a try to charge an order.
const CHARGES: [&str; 6] = ["succeeded", "declined", "away", "failed", "refused", "duplicate"];
/// And of one to take it back.
const REFUNDS: [&str; 7] = ["refunded", "voided", "not-charged", "away", "failed", "refused", "duplicate"];

/// Charges and refunds by outcome; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    charges: Family<Outcome, Counter>,
    refunds: Family<Outcome, Counter>,
}

impl Metrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let from_zero = |outcomes: &[&'static str]| {
            let family = Family::<Outcome, Counter>::default();
            for &outcome in outcomes {
                drop(family.get_or_create(&Outcome { outcome }));
            }
            family
        };
        let (charges, refunds) = (from_zero(&CHARGES), from_zero(&REFUNDS));
        registry.register("charges", "Tries to charge an order, by outcome", charges.clone());
        registry.register("refunds", "Tries to refund an order, by outcome", refunds.clone());
        Self { charges, refunds }
    }

    pub(crate) fn charged(&self, outcome: &'static str) {
        self.charges.get_or_create(&Outcome { outcome }).inc();
    }

    pub(crate) fn refunded(&self, outcome: &'static str) {
        self.refunds.get_or_create(&Outcome { outcome }).inc();
    }
}
