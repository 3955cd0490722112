//! What is counted of the calls to one queue.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;

use super::{DepthLabels, MessageLabels, Metrics, OperationLabels, QueueLabel, RequestLabels};
use crate::operation::{CHANGE_VISIBILITY, DELETE, GET_ATTRIBUTES, GET_URL, Operation, RECEIVE, SEND};

/// Those that are made again and again.
const ALL: [&Operation; 6] = [&SEND, &RECEIVE, &DELETE, &CHANGE_VISIBILITY, &GET_URL, &GET_ATTRIBUTES];

/// Of one queue. The series of all that goes well are held, so that counting is an addition.
#[derive(Debug)]
pub(crate) struct CallMetrics {
    metrics: Metrics,
    queue: String,
    requests: Vec<(&'static str, Counter)>,
    answered: Vec<(&'static str, Histogram)>,
    sent: Counter,
    consumed: Counter,
    dwell: Histogram,
}

impl Metrics {
    pub(crate) fn of_calls(&self, queue: &str) -> CallMetrics {
        let queue = queue.to_owned();
        let request = |operation: &Operation| {
            let labels = RequestLabels { queue: queue.clone(), operation: operation.action };
            (operation.action, self.requests.get_or_create_owned(&labels))
        };
        let answered = |operation: &Operation| {
            let labels = labels(&queue, operation.name?, "");
            Some((operation.action, self.call_seconds.get_or_create_owned(&labels)))
        };
        let messages = |messaging_operation_name| MessageLabels {
            messaging_operation_name,
            messaging_destination_name: queue.clone(),
        };
        CallMetrics {
            requests: ALL.into_iter().map(request).collect(),
            answered: ALL.into_iter().filter_map(answered).collect(),
            sent: self.sent.get_or_create_owned(&messages("send")),
            consumed: self.consumed.get_or_create_owned(&messages("receive")),
            dwell: self.dwell.get_or_create_owned(&QueueLabel { queue: queue.clone() }),
            metrics: self.clone(),
            queue,
        }
    }
}

impl CallMetrics {
    /// What all queues of the process are counted with.
    pub(crate) fn of_process(&self) -> &Metrics {
        &self.metrics
    }

    /// A call is over.
    pub(crate) fn called(&self, operation: &Operation, taken: Duration, error_type: Option<&'static str>) {
        if let Some((_, requests)) = self.requests.iter().find(|(action, _)| *action == operation.action) {
            requests.inc();
        }
        match error_type {
            None => {
                if let Some((_, answered)) = self.answered.iter().find(|(action, _)| *action == operation.action) {
                    answered.observe(taken.as_secs_f64());
                }
            }
            Some(error_type) => {
                if let Some(name) = operation.name {
                    let labels = labels(&self.queue, name, error_type);
                    self.metrics.call_seconds.get_or_create(&labels).observe(taken.as_secs_f64());
                }
            }
        }
    }

    pub(crate) fn sent(&self, messages: usize) {
        self.sent.inc_by(messages as u64);
    }

    /// A message has been received, so long after it was sent, if that is known.
    pub(crate) fn consumed(&self, dwell: Option<Duration>) {
        self.consumed.inc();
        if let Some(dwell) = dwell {
            self.dwell.observe(dwell.as_secs_f64());
        }
    }

    pub(crate) fn depth(&self, state: &'static str, messages: i64) {
        self.metrics.depth.get_or_create(&DepthLabels { queue: self.queue.clone(), state }).set(messages);
    }
}

fn labels(queue: &str, operation: &'static str, error_type: &'static str) -> OperationLabels {
    OperationLabels { messaging_operation_name: operation, messaging_destination_name: queue.to_owned(), error_type }
}
