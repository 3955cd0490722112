//! Messages on their way out, and how much of them a batch takes.

use std::collections::BTreeMap;

use crate::trace::{TRACEPARENT, TraceContext};

/// Entries in one batch call: a limit of SQS.
pub const MAX_ENTRIES: usize = 10;
/// Bytes in one message and in one batch, attributes included: a limit of SQS since August 2025.
pub const MAX_BYTES: usize = 1_048_576;

/// A message to be sent.
///
/// ```
/// use sqs::OutgoingMessage;
///
/// let message = OutgoingMessage::new(r#"{"orderId":7}"#).with_id("7").with_attribute("tenant", "blue");
/// assert!(message.fits());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutgoingMessage {
    /// The sender's own id of it; SQS gives another one.
    pub id: String,
    /// What it is about, for the logs.
    pub subject: String,
    /// The body.
    pub body: String,
    /// Message attributes, all of type `String`; ten at most.
    pub attributes: BTreeMap<String, String>,
}

impl OutgoingMessage {
    /// A message that is no more than its body.
    pub fn new(body: impl Into<String>) -> Self {
        Self { body: body.into(), ..Self::default() }
    }

    /// The same under the sender's own id.
    #[must_use]
    pub fn with_id(self, id: impl Into<String>) -> Self {
        Self { id: id.into(), ..self }
    }

    /// The same about `subject`.
    #[must_use]
    pub fn with_subject(self, subject: impl Into<String>) -> Self {
        Self { subject: subject.into(), ..self }
    }

    /// The same with one attribute more.
    #[must_use]
    pub fn with_attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.insert(name.into(), value.into());
        self
    }

    /// The same with these attributes, and no others.
    #[must_use]
    pub fn with_attributes(self, attributes: BTreeMap<String, String>) -> Self {
        Self { attributes, ..self }
    }

    /// What SQS counts: the body, and each attribute's name, type and value.
    pub fn bytes(&self) -> usize {
        let attributes = self.attributes.iter().map(|(name, value)| name.len() + "String".len() + value.len());
        self.body.len() + attributes.sum::<usize>()
    }

    /// The id of the trace that it belongs to, as it is written in logs.
    pub fn trace_id(&self) -> Option<String> {
        let trace: TraceContext = self.attributes.get(TRACEPARENT)?.parse().ok()?;
        Some(trace.trace_id())
    }

    /// Whether SQS can take it at all.
    pub fn fits(&self) -> bool {
        self.bytes() <= MAX_BYTES
    }
}

impl AsRef<Self> for OutgoingMessage {
    fn as_ref(&self) -> &Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_count_against_the_limit() {
        let message = |bytes| OutgoingMessage::new("x".repeat(bytes)).with_attribute("traceparent", "0".repeat(55));
        let attribute = "traceparent".len() + "String".len() + 55;
        assert!(message(MAX_BYTES - attribute).fits());
        assert!(!message(MAX_BYTES - attribute + 1).fits());
    }
}
