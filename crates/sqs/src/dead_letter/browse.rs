//! Looking through a dead-letter queue.
//!
//! SQS can only be read by receiving: a message that was looked at stays hidden until it is given back. A [`Browser`]
//! receives, remembers the receipts, and gives everything back that the caller did not delete.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, SystemTime};

use super::attributes::{FAILURE_REASON, FAILURE_TYPE, RECEIVE_COUNT, source_attributes};
use crate::batch::{MAX_ENTRIES, OutgoingMessage};
use crate::error::QueueError;
use crate::queue::{Queue, ReceiveRequest};
use crate::received::{Receipt, Received};

/// How long a message stays hidden should the process die before it has given it back.
pub const HOLD: Duration = Duration::from_secs(60);
/// A receive that waits asks all of SQS's servers; one that does not may miss messages.
pub const THOROUGH: Duration = Duration::from_secs(1);

/// A message in a dead-letter queue.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The id that it has in this queue.
    pub message_id: String,
    /// The body, as it was sent.
    pub body: String,
    /// Its attributes of type `String`, those about the failure included.
    pub attributes: BTreeMap<String, String>,
    /// When it was sent, in milliseconds since 1970; a message that SQS has moved keeps its first time.
    pub sent_at: i64,
    receipt: Receipt,
}

impl DeadLetter {
    fn new(message: Received) -> Self {
        let since = message.sent_at.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
        Self {
            sent_at: since.and_then(|since| since.as_millis().try_into().ok()).unwrap_or_default(),
            message_id: message.message_id,
            body: message.body,
            attributes: message.attributes,
            receipt: message.receipt,
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
        source_attributes(&self.attributes)
    }

    /// What was in the source queue, under this queue's id.
    pub(super) fn as_it_was(&self) -> OutgoingMessage {
        OutgoingMessage::new(&self.body).with_id(&self.message_id).with_attributes(self.source_attributes())
    }
}

/// Reads a dead-letter queue to its end, each message once.
pub struct Browser {
    queue: Queue,
    request: ReceiveRequest,
    seen: HashSet<String>,
    /// The last receipt of each message that is to be given back.
    held: HashMap<String, Receipt>,
    /// Messages received since the last one that had not been seen before.
    repeats: usize,
}

impl Browser {
    /// A browser of `queue`, at its beginning, whose receives wait, and hide what they bring, for so long.
    pub fn new(queue: Queue, wait: Duration, hold: Duration) -> Self {
        let request = ReceiveRequest::new(MAX_ENTRIES, wait, hold);
        let (seen, held, repeats) = Default::default();
        Self { queue, request, seen, held, repeats }
    }

    /// The next messages; none: that was all.
    ///
    /// In a queue that takes longer to read than a message stays hidden, the first ones come into sight again before the
    /// end. They are hidden once more; more repeats than there are messages, and no new one among them, are the end too.
    pub async fn next(&mut self) -> Result<Vec<DeadLetter>, QueueError> {
        loop {
            let mut letters: Vec<_> =
                self.queue.receive(self.request).await?.into_iter().map(DeadLetter::new).collect();
            let received = letters.len();
            for letter in &letters {
                self.held.insert(letter.message_id.clone(), letter.receipt.clone());
            }
            letters.retain(|letter| self.seen.insert(letter.message_id.clone()));
            self.repeats = if letters.is_empty() { self.repeats + received } else { 0 };
            if !letters.is_empty() || received == 0 || self.repeats > self.seen.len() {
                return Ok(letters);
            }
        }
    }

    /// Takes up to ten messages that it has read out of the queue for good. One that could not be deleted stays.
    pub(super) async fn delete(&mut self, message_ids: &[&str]) -> Result<(), QueueError> {
        let held = message_ids.iter().filter_map(|id| self.held.get_key_value(*id));
        let (ids, receipts): (Vec<String>, Vec<Receipt>) =
            held.map(|(id, receipt)| (id.clone(), receipt.clone())).unzip();
        if ids.is_empty() {
            return Ok(());
        }
        let results = self.queue.delete(&receipts).await?;
        for (id, _) in ids.iter().zip(results).filter(|(_, result)| result.is_ok()) {
            self.held.remove(id);
        }
        Ok(())
    }

    /// Brings everything that was not deleted back into sight.
    pub async fn give_back(self) -> Result<(), QueueError> {
        let entries: Vec<_> = self.held.into_values().map(|receipt| (receipt, Duration::ZERO)).collect();
        for batch in entries.chunks(MAX_ENTRIES) {
            self.queue.change_visibility(batch).await?;
        }
        Ok(())
    }
}
