//! What the outbox counts, for Prometheus.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The counters of one process; cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics {
    published: Family<QueueLabel, Counter>,
    pending: Family<QueueLabel, Gauge>,
    set_aside: Family<QueueLabel, Counter>,
}

/// Those of one queue, which begin at 0.
pub(crate) struct QueueMetrics {
    pub(crate) published: Counter,
    pub(crate) pending: Gauge,
    pub(crate) set_aside: Counter,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct QueueLabel {
    queue: String,
}

impl Metrics {
    /// Adds the metrics to `registry`.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self { published: Family::default(), pending: Family::default(), set_aside: Family::default() };
        registry.register("messages_published", "Messages that SQS has taken", metrics.published.clone());
        registry.register("outbox_pending", "Outbox rows that SQS has not taken yet", metrics.pending.clone());
        registry.register(
            "outbox_set_aside",
            "Outbox rows that SQS will never take, with their reason in the table",
            metrics.set_aside.clone(),
        );
        metrics
    }

    pub(crate) fn of(&self, queue: &str) -> QueueMetrics {
        let label = QueueLabel { queue: queue.to_owned() };
        QueueMetrics {
            published: self.published.get_or_create_owned(&label),
            pending: self.pending.get_or_create_owned(&label),
            set_aside: self.set_aside.get_or_create_owned(&label),
        }
    }
}
