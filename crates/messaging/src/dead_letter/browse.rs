//! Looking through a dead-letter queue.
//!
//! SQS can only be read by receiving: a message that was looked at stays hidden until it is given back. A [`Browser`]
//! receives, remembers the receipt handles, and gives everything back that the caller did not delete.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};

use super::{FAILURE_REASON, FAILURE_TYPE, RECEIVE_COUNT, SOURCE_MESSAGE_ID};
use crate::batch::MAX_ENTRIES;
use crate::queue::{Queue, QueueError, ReceiveRequest};

/// How long a message stays hidden should the process die before it has given it back.
const HOLD: Duration = Duration::from_secs(60);
/// A receive that waits asks all of SQS's servers; one that does not may miss messages.
pub const THOROUGH: Duration = Duration::from_secs(1);

/// A message in a dead-letter queue.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// The id that it has in this queue.
    pub message_id: String,
    /// The body, as it was sent.
    pub body: String,
    /// Its attributes of type `String`, those about the failure included.
    pub attributes: BTreeMap<String, String>,
    /// When it was sent, in milliseconds since 1970; a message that SQS has moved keeps its first time.
    pub sent_at: i64,
    pub(super) receipt_handle: String,
}

impl DeadLetter {
    fn new(message: Message) -> Self {
        let attributes = message.message_attributes.unwrap_or_default();
        let system = message.attributes.unwrap_or_default();
        Self {
            message_id: message.message_id.unwrap_or_default(),
            body: message.body.unwrap_or_default(),
            attributes: attributes.into_iter().filter_map(|(name, value)| Some((name, value.string_value?))).collect(),
            sent_at: system
                .get(&MessageSystemAttributeName::SentTimestamp)
                .and_then(|time| time.parse().ok())
                .unwrap_or_default(),
            receipt_handle: message.receipt_handle.unwrap_or_default(),
        }
    }

    /// Why it is here, in one stable word; `exhausted` if SQS has moved it after its last receive.
    pub fn kind(&self) -> &str {
        self.attributes.get(FAILURE_TYPE).map_or("exhausted", String::as_str)
    }

    /// Why it is here, in words.
    pub fn reason(&self) -> &str {
        self.attributes.get(FAILURE_REASON).map_or("received too often without success", String::as_str)
    }

    /// How often it was received in its source queue, if it is known.
    pub fn receive_count(&self) -> Option<u32> {
        self.attributes.get(RECEIVE_COUNT)?.parse().ok()
    }

    /// Its attributes as they were in the source queue.
    pub fn source_attributes(&self) -> BTreeMap<String, String> {
        let about_failure = [FAILURE_REASON, FAILURE_TYPE, SOURCE_MESSAGE_ID, RECEIVE_COUNT];
        let attributes = self.attributes.iter().filter(|(name, _)| !about_failure.contains(&name.as_str()));
        attributes.map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

/// Reads a dead-letter queue to its end, each message once.
pub struct Browser {
    queue: Queue,
    wait: Duration,
    held: Vec<String>,
}

impl Browser {
    /// A browser of `queue`, at its beginning, whose receives wait for so long.
    pub fn new(queue: Queue, wait: Duration) -> Self {
        Self { queue, wait, held: Vec::new() }
    }

    /// The next messages; none: that was all. To be read on before the first ones come into sight again, after 60 s.
    pub async fn next(&mut self) -> Result<Vec<DeadLetter>, QueueError> {
        let request = ReceiveRequest { max: MAX_ENTRIES, wait: self.wait, visibility_timeout: Some(HOLD) };
        let letters: Vec<DeadLetter> = self.queue.receive(request).await?.into_iter().map(DeadLetter::new).collect();
        self.held.extend(letters.iter().map(|letter| letter.receipt_handle.clone()));
        Ok(letters)
    }

    /// Takes a message out of the queue for good.
    pub async fn delete(&mut self, letter: &DeadLetter) -> Result<(), QueueError> {
        let results = self.queue.delete(std::slice::from_ref(&letter.receipt_handle)).await?;
        if results.iter().all(Result::is_ok) {
            self.held.retain(|receipt_handle| *receipt_handle != letter.receipt_handle);
        }
        Ok(())
    }

    /// Brings everything that was not deleted back into sight.
    pub async fn give_back(self) -> Result<(), QueueError> {
        for receipt_handles in self.held.chunks(MAX_ENTRIES) {
            let entries: Vec<_> = receipt_handles.iter().map(|handle| (handle.clone(), Duration::ZERO)).collect();
            self.queue.change_visibility(&entries).await?;
        }
        Ok(())
    }
}
