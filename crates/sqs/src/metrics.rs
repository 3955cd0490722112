//! What is counted of SQS, for Prometheus.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// The counters of one process; cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics {
    pub(crate) requests: Family<RequestLabels, Counter>,
    pub(crate) received: Family<QueueLabel, Counter>,
    pub(crate) settled: Family<OutcomeLabels, Counter>,
    pub(crate) in_flight: Family<QueueLabel, Gauge>,
    pub(crate) leases_lost: Family<QueueLabel, Counter>,
    pub(crate) handling: Family<QueueLabel, Histogram>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct QueueLabel {
    pub(crate) queue: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct RequestLabels {
    pub(crate) queue: String,
    pub(crate) operation: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct OutcomeLabels {
    pub(crate) queue: String,
    pub(crate) outcome: &'static str,
}

impl Metrics {
    /// Adds the metrics to `registry`.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: Family::default(),
            received: Family::default(),
            settled: Family::default(),
            in_flight: Family::default(),
            leases_lost: Family::default(),
            handling: Family::new_with_constructor(|| {
                Histogram::new([0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0])
            }),
        };
        registry.register("sqs_requests", "Requests to SQS, each of them billed", metrics.requests.clone());
        registry.register("messages_received", "Messages received", metrics.received.clone());
        registry.register("messages_settled", "Messages by what became of them", metrics.settled.clone());
        registry.register("messages_in_flight", "Messages from receive to settlement", metrics.in_flight.clone());
        registry.register("leases_lost", "Visibility timeouts that could not be extended", metrics.leases_lost.clone());
        registry.register_with_unit(
            "message_handling",
            "From the receive to the handler's verdict",
            Unit::Seconds,
            metrics.handling.clone(),
        );
        metrics
    }

    pub(crate) fn settled(&self, queue: &str, outcome: &'static str) {
        self.settled.get_or_create(&OutcomeLabels { queue: queue.to_owned(), outcome }).inc();
    }
}

pub(crate) fn label(queue: &str) -> QueueLabel {
    QueueLabel { queue: queue.to_owned() }
}
