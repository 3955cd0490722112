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
    pub(crate) set_aside: Family<QueueLabel, Counter>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct QueueLabel {
    pub(crate) queue: String,
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
}

impl Metrics {
    /// The series of a queue, from 0 on.
    pub(crate) fn begin(&self, queue: &str) {
        self.waiting(queue, 0, Duration::ZERO);
        drop(self.set_aside.get_or_create(&label(queue)));
    }

    /// So many rows are waiting, the oldest for so long.
    pub(crate) fn waiting(&self, queue: &str, rows: usize, oldest: Duration) {
        let label = label(queue);
        self.pending.get_or_create(&label).set(i64::try_from(rows).unwrap_or(i64::MAX));
        self.oldest.get_or_create(&label).set(oldest.as_secs_f64());
    }
}

pub(crate) fn label(queue: &str) -> QueueLabel {
    QueueLabel { queue: queue.to_owned() }
}
