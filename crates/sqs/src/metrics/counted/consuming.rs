//! What is counted of the messages that are consumed from one queue.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use super::{Metrics, OperationLabels, OutcomeLabels, QueueLabel};

/// What can become of a message.
const OUTCOMES: [&str; 6] = ["done", "retry", "given-back", "not-deleted", "exhausted", "dead-lettered"];

/// Of one consumer.
#[derive(Debug)]
pub(crate) struct ConsumerMetrics {
    metrics: Metrics,
    queue: String,
    settled: [(&'static str, Counter); OUTCOMES.len()],
    processed: Histogram,
    in_flight: Gauge,
    leases_lost: Counter,
    breaker: Gauge,
}

/// A message is in flight for as long as this lives.
pub(crate) struct InFlight<'a>(&'a Gauge);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A gauge that is 1 or 0.
#[derive(Debug, Default)]
pub(crate) struct Flag(Gauge);

impl Flag {
    pub(crate) fn set(&self, up: bool) {
        self.0.set(i64::from(up));
    }
}

impl Metrics {
    /// Of a consumer of `queue` that has so many slots.
    pub(crate) fn of_consumer(&self, queue: &str, slots: usize) -> ConsumerMetrics {
        let label = QueueLabel { queue: queue.to_owned() };
        self.slots.get_or_create(&label).set(i64::try_from(slots).unwrap_or(i64::MAX));
        ConsumerMetrics {
            settled: OUTCOMES.map(|outcome| {
                let labels = OutcomeLabels { queue: queue.to_owned(), outcome };
                (outcome, self.settled.get_or_create_owned(&labels))
            }),
            processed: self.process_seconds.get_or_create_owned(&process_labels(queue, "")),
            in_flight: self.in_flight.get_or_create_owned(&label),
            leases_lost: self.leases_lost.get_or_create_owned(&label),
            breaker: self.breaker.get_or_create_owned(&label),
            metrics: self.clone(),
            queue: label.queue,
        }
    }
}

impl ConsumerMetrics {
    /// A message has been received; it counts until what is returned is dropped.
    pub(crate) fn in_flight(&self) -> InFlight<'_> {
        self.in_flight.inc();
        InFlight(&self.in_flight)
    }

    /// A handler has come to its verdict; `error_type`: to one that does not get the message through.
    pub(crate) fn processed(&self, taken: Duration, error_type: Option<&'static str>) {
        match error_type {
            None => self.processed.observe(taken.as_secs_f64()),
            Some(error_type) => {
                let labels = process_labels(&self.queue, error_type);
                self.metrics.process_seconds.get_or_create(&labels).observe(taken.as_secs_f64());
            }
        }
    }

    /// What has become of a message: one of those that are counted.
    pub(crate) fn settled(&self, outcome: &'static str) {
        debug_assert!(OUTCOMES.contains(&outcome), "{outcome} does not begin at 0");
        if let Some((_, settled)) = self.settled.iter().find(|(known, _)| *known == outcome) {
            settled.inc();
        }
    }

    pub(crate) fn lease_lost(&self) {
        self.leases_lost.inc();
    }

    /// Set while an outage keeps the consumer from receiving.
    pub(crate) fn breaker(&self) -> Flag {
        Flag(self.breaker.clone())
    }
}

fn process_labels(queue: &str, error_type: &'static str) -> OperationLabels {
    let messaging_destination_name = queue.to_owned();
    OperationLabels { messaging_operation_name: "process", messaging_destination_name, error_type }
}
