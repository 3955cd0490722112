//! Every call to SQS: counted, timed and, where traces are exported, a span.
//!
//! The span is made when the answer is there, with the time at which the call began: only then is it known what a receive
//! has brought, and so that it was worth a span. An idle queue is asked all day long.

use std::time::{Instant, SystemTime};

use opentelemetry::KeyValue;
use opentelemetry_semantic_conventions::attribute;

use crate::queue::{Queue, QueueError};
use crate::trace::{TRACER, TraceContext};

/// An action of SQS.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    /// SQS's name of it.
    pub(crate) action: &'static str,
    /// The operation's name and type in the semantic conventions for messaging; none: it is about the queue.
    pub(crate) name: Option<&'static str>,
}

pub(crate) const SEND: Operation = Operation { action: "SendMessageBatch", name: Some("send") };
pub(crate) const RECEIVE: Operation = Operation { action: "ReceiveMessage", name: Some("receive") };
pub(crate) const DELETE: Operation = Operation { action: "DeleteMessageBatch", name: Some("settle") };
pub(crate) const CHANGE_VISIBILITY: Operation =
    Operation { action: "ChangeMessageVisibilityBatch", name: Some("settle") };
pub(crate) const GET_URL: Operation = Operation { action: "GetQueueUrl", name: None };
pub(crate) const GET_ATTRIBUTES: Operation = Operation { action: "GetQueueAttributes", name: None };

/// All that are made again and again.
pub(crate) const ALL: [&Operation; 6] = [&SEND, &RECEIVE, &DELETE, &CHANGE_VISIBILITY, &GET_URL, &GET_ATTRIBUTES];

/// A call under way.
pub(crate) struct Call {
    operation: &'static Operation,
    begun: Instant,
    begun_at: SystemTime,
}

/// What a call was about.
#[derive(Default)]
pub(crate) struct About {
    /// Where its messages were created.
    pub(crate) created: Vec<TraceContext>,
    /// How many messages, or entries about one.
    pub(crate) messages: usize,
    /// How many of them failed although the call did not.
    pub(crate) failed: usize,
    /// Of the only one.
    pub(crate) message_id: Option<String>,
}

impl Call {
    pub(crate) fn begin(operation: &'static Operation) -> Self {
        Self { operation, begun: Instant::now(), begun_at: SystemTime::now() }
    }

    pub(crate) fn operation(&self) -> &'static Operation {
        self.operation
    }

    /// The call is over. A receive that has brought nothing is no more than counted.
    pub(crate) fn end(self, queue: &Queue, about: About, error: Option<&QueueError>) {
        queue.call_metrics().called(self.operation, self.begun.elapsed(), error.map(QueueError::error_type));
        let Some(name) = self.operation.name else { return };
        if about.messages == 0 && error.is_none() {
            return;
        }
        let mut span = TRACER.call(format!("{name} {}", queue.name()), self.begun_at, &about.created);
        span.describe(|| {
            let mut attributes = messaging(name, queue.name());
            let url = queue.known_url();
            attributes.push(KeyValue::new(attribute::MESSAGING_BATCH_MESSAGE_COUNT, about.messages as i64));
            attributes.extend(about.message_id.map(|id| KeyValue::new(attribute::MESSAGING_MESSAGE_ID, id)));
            attributes.extend(url.iter().flat_map(|url| server(url)));
            attributes.extend(url.map(|url| KeyValue::new(attribute::AWS_SQS_QUEUE_URL, url)));
            attributes
        });
        match error {
            Some(error) => span.fail(error.error_type(), error.to_string()),
            None if about.failed > 0 => {
                span.fail("entry-failed", format!("{} of {} entries failed", about.failed, about.messages));
            }
            None => {}
        }
    }
}

/// What the semantic conventions want of every span about a queue; the operations' names are their types as well.
pub(crate) fn messaging(operation: &'static str, queue: &str) -> Vec<KeyValue> {
    vec![
        KeyValue::new(attribute::MESSAGING_SYSTEM, "aws_sqs"),
        KeyValue::new(attribute::MESSAGING_OPERATION_NAME, operation),
        KeyValue::new(attribute::MESSAGING_OPERATION_TYPE, operation),
        KeyValue::new(attribute::MESSAGING_DESTINATION_NAME, queue.to_owned()),
    ]
}

/// Where a URL leads.
fn server(url: &str) -> Vec<KeyValue> {
    let Some((scheme, rest)) = url.split_once("://") else { return Vec::new() };
    let authority = rest.split('/').next().unwrap_or_default();
    let (address, port) =
        match authority.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?))) {
            Some((host, port)) => (host, port),
            None => (authority, if scheme == "http" { 80 } else { 443 }),
        };
    vec![
        KeyValue::new(attribute::SERVER_ADDRESS, address.to_owned()),
        KeyValue::new(attribute::SERVER_PORT, i64::from(port)),
    ]
}
