//! What a received message says of itself beside its body.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};

use crate::trace::{TRACEPARENT, TraceContext};

/// What SQS wants to see for every call about one receive of a message, and what the spans of those calls tell of it.
/// Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    handle: Arc<str>,
    message_id: Option<Arc<str>>,
    created: Option<TraceContext>,
}

impl Receipt {
    /// Of a received message.
    pub fn of(message: &Message) -> Self {
        Self {
            handle: message.receipt_handle().unwrap_or_default().into(),
            message_id: message.message_id().map(Into::into),
            created: created_in(message),
        }
    }

    /// The receipt handle.
    pub fn handle(&self) -> &str {
        &self.handle
    }

    pub(crate) fn message_id(&self) -> Option<&str> {
        self.message_id.as_deref()
    }

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

/// Where it was created, if it says so.
pub(crate) fn created_in(message: &Message) -> Option<TraceContext> {
    message.message_attributes()?.get(TRACEPARENT)?.string_value()?.parse().ok()
}

/// How long ago it was sent, by the clocks of SQS and of this machine, which may differ.
pub(crate) fn dwell(message: &Message) -> Option<Duration> {
    let sent: u64 = message.attributes()?.get(&MessageSystemAttributeName::SentTimestamp)?.parse().ok()?;
    let sent = SystemTime::UNIX_EPOCH + Duration::from_millis(sent);
    Some(SystemTime::now().duration_since(sent).unwrap_or_default())
}
