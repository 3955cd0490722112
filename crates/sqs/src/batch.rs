//! Messages on their way out, and how they are packed into batches.

use std::collections::BTreeMap;

use crate::trace::{TRACEPARENT, TraceContext};

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

/// Packs what carries a message in its order into batches that are full by count or by bytes. One that is too large for
/// any batch gets one of its own.
pub fn pack<M: AsRef<OutgoingMessage>>(messages: impl IntoIterator<Item = M>) -> Vec<Vec<M>> {
    let mut batches: Vec<Vec<M>> = Vec::new();
    let mut room = 0;
    for message in messages {
        let bytes = message.as_ref().bytes();
        match batches.last_mut() {
            Some(batch) if batch.len() < MAX_ENTRIES && bytes <= room => {
                room -= bytes;
                batch.push(message);
            }
            _ => {
                room = MAX_BYTES.saturating_sub(bytes);
                batches.push(vec![message]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn batches_keep_the_order_and_both_limits_and_none_is_cut_short(
            sizes in prop::collection::vec(prop_oneof![0usize..500, 0..300_000usize, 900_000..1_200_000usize], 0..40),
        ) {
            let messages: Vec<_> = sizes.iter().enumerate().map(|(id, size)| message(id, *size)).collect();
            let batches = pack(messages.clone());
            prop_assert_eq!(batches.concat(), messages);
            let total = |batch: &[OutgoingMessage]| batch.iter().map(OutgoingMessage::bytes).sum::<usize>();
            for batch in &batches {
                prop_assert!((1..=MAX_ENTRIES).contains(&batch.len()));
                prop_assert!(batch.len() == 1 || total(batch) <= MAX_BYTES);
            }
            for pair in batches.windows(2) {
                let next = pair[1][0].bytes();
                prop_assert!(pair[0].len() == MAX_ENTRIES || total(&pair[0]) + next > MAX_BYTES);
            }
        }
    }
}
