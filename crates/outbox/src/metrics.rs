//! What the outbox counts, for Prometheus.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

/// The counters of one process; cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics {
    pending: Family<QueueLabel, Gauge>,
    oldest: Family<QueueLabel, Gauge<f64, AtomicU64>>,
    set_aside: Family<QueueLabel, Counter>,
}

/// Those of one queue, which begin at 0.
pub(crate) struct QueueMetrics {
    pending: Gauge,
    oldest: Gauge<f64, AtomicU64>,
    pub(crate) set_aside: Counter,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct QueueLabel {
    queue: String,
}

impl Metrics {
    /// Adds the metrics to `registry`.
    pub fn register(registry: &mut Registry) -> Self {
        let (pending, oldest, set_aside) = Default::default();
        let metrics = Self { pending, oldest, set_aside };
        registry.register("outbox_pending", "Outbox rows that SQS has not taken yet", metrics.pending.clone());
        registry.register_with_unit(
            "outbox_oldest",
            "How long the oldest of them has been waiting",
            Unit::Seconds,
            metrics.oldest.clone(),
        );
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
            pending: self.pending.get_or_create_owned(&label),
            oldest: self.oldest.get_or_create_owned(&label),
            set_aside: self.set_aside.get_or_create_owned(&label),
        }
    }
}

impl QueueMetrics {
    /// So many rows are waiting, the oldest for so long.
    pub(crate) fn waiting(&self, rows: usize, oldest: Duration) {
        self.pending.set(i64::try_from(rows).unwrap_or(i64::MAX));
        self.oldest.set(oldest.as_secs_f64());
    }
}
