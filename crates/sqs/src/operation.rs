//! The actions of SQS, and what one call of them is about.

use crate::trace::TraceContext;

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

/// What a call was about.
#[derive(Debug, Default)]
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
