//! Messages: what was sent, and what a queue knows of each.

use std::sync::Arc;

use uuid::Uuid;

use super::Millis;

/// What a sender sent. Shared by the queue and by the answers that carry it; it never changes.
#[derive(Debug, PartialEq, Eq)]
pub struct Content {
    /// The body.
    pub body: Box<str>,
    /// MD5 of the body.
    pub body_md5: [u8; 16],
    /// The sender's attributes, by name.
    pub attributes: Box<[Attribute]>,
    /// MD5 of the attributes, as the SDKs check it. Of no meaning without attributes.
    pub attributes_md5: [u8; 16],
    /// The system attribute `AWSTraceHeader`.
    pub trace_header: Option<Box<str>>,
    /// `MessageGroupId`: whose message it is, for fair queues.
    pub group: Option<Arc<str>>,
}

/// A message attribute.
#[derive(Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Its name.
    pub name: Box<str>,
    /// `String`, `Number` or `Binary`, perhaps with a label of the sender's own (`Number.int`).
    pub data_type: Box<str>,
    /// Its value.
    pub value: Value,
}

/// The value of a message attribute.
#[derive(Debug, PartialEq, Eq)]
pub enum Value {
    /// Of the types `String` and `Number`.
    Text(Box<str>),
    /// Of the type `Binary`.
    Binary(Box<[u8]>),
}

/// Names a message within one queue, in the order of arrival.
pub(crate) type Seq = u64;

/// A message in a queue.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) id: Uuid,
    pub(crate) content: Arc<Content>,
    pub(crate) sent: Millis,
    /// When it was first received; of no meaning before `receives` says so.
    pub(crate) first_received: Millis,
    /// How often it was received in all, dead-letter queues included.
    pub(crate) receives: u32,
    /// How often it was received from this queue: the number of its latest receipt.
    pub(crate) receipts: u32,
    /// When the latest of them was given.
    pub(crate) last_received: Millis,
    /// ARN of the queue whose dead letter it is.
    pub(crate) source: Option<Arc<str>>,
    /// Its place among the visible messages of its queue: as it came, whatever has happened to it since.
    pub(crate) place: Millis,
    pub(crate) state: State,
}

/// Where a message of a queue is. Each state has an index of its own in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Waits to be received.
    Visible,
    /// Was received, and is hidden until then.
    InFlight(Millis),
    /// Is not to be received before then.
    Delayed(Millis),
}

impl Message {
    pub(crate) fn new(id: Uuid, content: Arc<Content>, sent: Millis) -> Self {
        Self {
            id,
            content,
            sent,
            first_received: 0,
            receives: 0,
            receipts: 0,
            last_received: 0,
            source: None,
            place: sent,
            state: State::Visible,
        }
    }
}
