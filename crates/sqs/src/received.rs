//! A received message, and what SQS wants to see for every call about it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName as Name};

use crate::trace::{TRACEPARENT, TraceContext};

/// A received message.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Received {
    /// The id that SQS gave it.
    pub message_id: String,
    /// The body.
    pub body: String,
    /// Its attributes that are text (type `String`) or numbers; not those of type `Binary`.
    pub attributes: BTreeMap<String, String>,
    /// How often it has been received, this time included (`ApproximateReceiveCount`).
    pub receive_count: u32,
    /// When it was sent (`SentTimestamp`), if SQS says so.
    pub sent_at: Option<SystemTime>,
    /// For further calls about this receive of it.
    pub receipt: Receipt,
}

impl Received {
    pub(crate) fn new(message: Message) -> Self {
        let system = message.attributes.unwrap_or_default();
        let number = |name: Name| system.get(&name)?.parse::<u64>().ok();
        let attributes = message.message_attributes.unwrap_or_default().into_iter();
        let attributes: BTreeMap<String, String> =
            attributes.filter_map(|(name, value)| Some((name, value.string_value?))).collect();
        Self {
            receipt: Receipt {
                handle: message.receipt_handle.unwrap_or_default().into(),
                message_id: message.message_id.as_deref().map(Into::into),
                created: attributes.get(TRACEPARENT).and_then(|text| text.parse().ok()),
            },
            message_id: message.message_id.unwrap_or_default(),
            body: message.body.unwrap_or_default(),
            receive_count: number(Name::ApproximateReceiveCount).and_then(|count| count.try_into().ok()).unwrap_or(1),
            sent_at: number(Name::SentTimestamp).map(|sent| SystemTime::UNIX_EPOCH + Duration::from_millis(sent)),
            attributes,
        }
    }

    /// How long ago it was sent, by the clocks of SQS and of this machine, which may differ.
    pub fn dwell(&self) -> Option<Duration> {
        Some(SystemTime::now().duration_since(self.sent_at?).unwrap_or_default())
    }
}

/// What SQS wants to see for every call about one receive of a message, and what the spans of those calls tell of it.
/// Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    handle: Arc<str>,
    message_id: Option<Arc<str>>,
    created: Option<TraceContext>,
}

impl Receipt {
    /// The receipt handle.
    pub fn handle(&self) -> &str {
        &self.handle
    }

    pub(crate) fn message_id(&self) -> Option<&str> {
        self.message_id.as_deref()
    }

    /// Where the message was created, if it says so.
    pub(crate) fn created(&self) -> Option<TraceContext> {
        self.created
    }
}

/// Of a message of which no more is known.
impl From<String> for Receipt {
    fn from(handle: String) -> Self {
        Self { handle: handle.into(), message_id: None, created: None }
    }
}
