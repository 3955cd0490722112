//! Messages on their way out, and how much of them a batch takes.

use std::collections::BTreeMap;

/// Entries in one batch call: a limit of SQS.
pub const MAX_ENTRIES: usize = 10;
/// Bytes in one message and in one batch, attributes included: a limit of SQS since August 2025.
pub const MAX_BYTES: usize = 1_048_576;

/// A message to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingMessage {
    /// The sender's own id of it; SQS gives another one.
    pub id: String,
    /// What it is about, for the logs.
    pub subject: String,
    /// The body.
    pub body: String,
    /// Message attributes, all of type `String`.
    pub attributes: BTreeMap<String, String>,
}

impl OutgoingMessage {
    /// What SQS counts: the body, and each attribute's name, type and value.
    pub fn bytes(&self) -> usize {
        let attributes = self.attributes.iter().map(|(name, value)| name.len() + "String".len() + value.len());
        self.body.len() + attributes.sum::<usize>()
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

    fn message(id: usize, bytes: usize) -> OutgoingMessage {
        OutgoingMessage {
            id: id.to_string(),
            subject: String::new(),
            body: "x".repeat(bytes),
            attributes: BTreeMap::from([("traceparent".into(), "0".repeat(55))]),
        }
    }

    #[test]
    fn attributes_count_against_the_limit() {
        let attribute = "traceparent".len() + "String".len() + 55;
        assert!(message(0, MAX_BYTES - attribute).fits());
        assert!(!message(0, MAX_BYTES - attribute + 1).fits());
    }
}
