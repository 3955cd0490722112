//! Sending a message to the dead-letter queue.

use std::collections::BTreeMap;

use super::attributes::{FAILURE_REASON, FAILURE_TYPE, RECEIVE_COUNT, SOURCE_MESSAGE_ID, source_attributes};
use crate::batch::OutgoingMessage;
use crate::error::{EntryError, QueueError};
use crate::queue::Queue;
use crate::trace::TRACEPARENT;

/// SQS allows ten attributes a message; the four about the failure must fit.
const MAX_OWN_ATTRIBUTES: usize = 6;
const MAX_REASON: usize = 1024;

/// A message that can never be handled, and why.
pub(crate) struct Failure<'a> {
    pub(crate) message_id: &'a str,
    pub(crate) body: &'a str,
    pub(crate) attributes: &'a BTreeMap<String, String>,
    pub(crate) receive_count: u32,
    pub(crate) kind: &'a str,
    pub(crate) reason: &'a str,
}

/// Why a dead letter was not sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error("{0}")]
    Entry(EntryError),
    #[error("no result")]
    Unanswered,
}

impl SendError {
    /// Whether it says nothing of the message: it is worth trying again.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Queue(error) => error.is_outage(),
            Self::Entry(error) => !error.sender_fault,
            Self::Unanswered => true,
        }
    }
}

/// Sends a message to the dead-letter queue, its body unchanged, with as many of its attributes as there is room for.
pub(crate) async fn send(queue: &Queue, failure: Failure<'_>) -> Result<(), SendError> {
    // A message that was moved back as it was still tells of its last failure. Whatever else has to go, the trace stays.
    let mut own: Vec<_> = source_attributes(failure.attributes).into_iter().collect();
    own.sort_by_key(|(name, _)| name != TRACEPARENT);
    let mut attributes: BTreeMap<String, String> = own.into_iter().take(MAX_OWN_ATTRIBUTES).collect();
    attributes.insert(FAILURE_REASON.into(), printable(failure.reason));
    attributes.insert(FAILURE_TYPE.into(), failure.kind.to_owned());
    attributes.insert(SOURCE_MESSAGE_ID.into(), failure.message_id.to_owned());
    attributes.insert(RECEIVE_COUNT.into(), failure.receive_count.to_string());
    let message = OutgoingMessage::new(failure.body).with_id(failure.message_id).with_attributes(attributes);
    match queue.send(std::slice::from_ref(&message)).await?.pop() {
        Some(Ok(_)) => Ok(()),
        Some(Err(error)) => Err(SendError::Entry(error)),
        None => Err(SendError::Unanswered),
    }
}

/// An attribute value that SQS takes: not empty, no control characters, and not the two that it does not count as text.
fn printable(reason: &str) -> String {
    let text: String = reason
        .chars()
        .map(|c| if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') { ' ' } else { c })
        .take(MAX_REASON)
        .collect();
    if text.trim().is_empty() { "unknown".to_owned() } else { text }
}
