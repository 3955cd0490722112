//! What the payment service counts beside its messages.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

/// Charges by outcome; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    charges: Family<Outcome, Counter>,
}

impl Metrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let charges = Family::<Outcome, Counter>::default();
        for outcome in ["succeeded", "declined", "away", "failed", "refused", "duplicate"] {
            drop(charges.get_or_create(&Outcome { outcome }));
        }
        registry.register("charges", "Attempts to charge an order, by outcome", charges.clone());
        Self { charges }
    }

    pub(crate) fn charged(&self, outcome: &'static str) {
        self.charges.get_or_create(&Outcome { outcome }).inc();
    }
}
