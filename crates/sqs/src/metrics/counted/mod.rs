//! What is counted, for Prometheus. Names and labels are OpenTelemetry's where its semantic conventions have one:
//! <https://opentelemetry.io/docs/specs/semconv/messaging/messaging-metrics/>.
//!
//! The series of a queue are made when it is first spoken of, and begin at 0: a rate over the first event is then one.

mod calls;
mod consuming;

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode_registry;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

pub(crate) use calls::CallMetrics;
pub(crate) use consuming::{ConsumerMetrics, Flag};

/// From a call on a fast network to a long poll of 20 s.
const CALL_SECONDS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 25.0];
/// From a handler that only writes to one that hangs until its lease's cap.
const PROCESS_SECONDS: [f64; 15] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 30.0, 60.0, 900.0];
/// From a queue that is kept empty to one that has been left alone for hours.
const DWELL_SECONDS: [f64; 15] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 60.0, 300.0, 3600.0, 21600.0];

type Durations<L> = Family<L, Histogram, fn() -> Histogram>;

/// The counters of one process; cheap to clone. It counts the queues that are made [with it](crate::Queue::with_metrics),
/// and their consumers.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let metrics = sqs::Metrics::default();
/// let client = sqs::client::for_endpoint("http://127.0.0.1:4566").await;
/// let queue = sqs::Queue::with_metrics(client, "orders", &metrics);
/// let page = metrics.open_metrics() + "# EOF\n";
/// assert!(page.contains(r#"sqs_requests_total{queue="orders",operation="ReceiveMessage"} 0"#));
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Registry>,
    requests: Family<RequestLabels, Counter>,
    call_seconds: Durations<OperationLabels>,
    sent: Family<MessageLabels, Counter>,
    consumed: Family<MessageLabels, Counter>,
    dwell: Durations<QueueLabel>,
    depth: Family<DepthLabels, Gauge>,
    process_seconds: Durations<OperationLabels>,
    settled: Family<OutcomeLabels, Counter>,
    in_flight: Family<QueueLabel, Gauge>,
    slots: Family<QueueLabel, Gauge>,
    leases_lost: Family<QueueLabel, Counter>,
    breaker: Family<QueueLabel, Gauge>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct QueueLabel {
    queue: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    queue: String,
    operation: &'static str,
}

/// Those of the semantic conventions.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct MessageLabels {
    messaging_operation_name: &'static str,
    messaging_destination_name: String,
}

/// The same, and how it failed: Prometheus takes a label without a value as none.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OperationLabels {
    messaging_operation_name: &'static str,
    messaging_destination_name: String,
    error_type: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct DepthLabels {
    queue: String,
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OutcomeLabels {
    queue: String,
    outcome: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let metrics = Self {
            registry: Arc::default(),
            requests: Family::default(),
            call_seconds: Family::new_with_constructor(|| Histogram::new(CALL_SECONDS)),
            sent: Family::default(),
            consumed: Family::default(),
            dwell: Family::new_with_constructor(|| Histogram::new(DWELL_SECONDS)),
            depth: Family::default(),
            process_seconds: Family::new_with_constructor(|| Histogram::new(PROCESS_SECONDS)),
            settled: Family::default(),
            in_flight: Family::default(),
            slots: Family::default(),
            leases_lost: Family::default(),
            breaker: Family::default(),
        };
        Self { registry: Arc::new(metrics.registered()), ..metrics }
    }
}

impl Metrics {
    /// All of them as OpenMetrics text, without the closing `# EOF`: others may follow on the same page.
    /// <https://prometheus.io/docs/specs/om/open_metrics_spec/>
    pub fn open_metrics(&self) -> String {
        let mut text = String::new();
        // A String takes whatever is written to it.
        let written = encode_registry(&mut text, &self.registry);
        debug_assert!(written.is_ok());
        text
    }

    fn registered(&self) -> Registry {
        let mut registry = Registry::default();
        let Self { requests, call_seconds, sent, consumed, dwell, depth, .. } = self.clone();
        registry.register("sqs_requests", "Requests to SQS, each of them billed", requests);
        let seconds = Unit::Seconds;
        let help = "How long a call to SQS took, its repetitions included";
        registry.register_with_unit("messaging_client_operation_duration", help, seconds.clone(), call_seconds);
        registry.register("messaging_client_sent_messages", "Messages that SQS has taken", sent);
        registry.register("messaging_client_consumed_messages", "Messages that SQS has handed out", consumed);
        registry.register_with_unit("message_dwell", "From the send to the receive", seconds.clone(), dwell);
        registry.register("queue_messages", "Messages in a queue, as SQS counts them", depth);
        let Self { process_seconds, settled, in_flight, slots, leases_lost, breaker, .. } = self.clone();
        let help = "How long a handler took to its verdict";
        registry.register_with_unit("messaging_process_duration", help, seconds, process_seconds);
        registry.register("messages_settled", "Messages by what became of them", settled);
        registry.register("messages_in_flight", "Messages from the receive to the settlement", in_flight);
        registry.register("worker_slots", "Messages that may be in flight at once", slots);
        registry.register("leases_lost", "Messages whose visibility timeout could not be extended", leases_lost);
        registry.register("circuit_breaker_open", "1: an outage, receiving pauses", breaker);
        registry
    }
}
