//! The calls of SQS's API, checked as far as they can be without the queue, and their answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use super::attributes::Change;
use super::message::Content;
use super::move_task::Progress;
use super::name::QueueName;
use super::{Error, Millis, QueueId};

/// A call. Each is what the API reference calls by the same name.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the API reference says what each means")]
pub enum Call {
    CreateQueue { queue: QueueName, attributes: Vec<Change>, tags: Tags },
    DeleteQueue { queue: QueueName },
    GetQueueUrl { queue: QueueName },
    ListQueues { region: Arc<str>, prefix: String, page: Page },
    GetQueueAttributes { queue: QueueName, names: Vec<String> },
    SetQueueAttributes { queue: QueueName, attributes: Vec<Change> },
    PurgeQueue { queue: QueueName },
    TagQueue { queue: QueueName, tags: Tags },
    UntagQueue { queue: QueueName, keys: Vec<String> },
    ListQueueTags { queue: QueueName },
    AddPermission { queue: QueueName, label: String, accounts: Vec<String>, actions: Vec<String> },
    RemovePermission { queue: QueueName, label: String },
    SendMessage { queue: QueueName, message: NewMessage },
    SendMessageBatch { queue: QueueName, entries: Vec<Entry<Result<NewMessage, Error>>> },
    ReceiveMessage(Receive),
    DeleteMessage { queue: QueueName, handle: String },
    DeleteMessageBatch { queue: QueueName, entries: Vec<Entry<Result<String, Error>>> },
    ChangeMessageVisibility { queue: QueueName, visibility: Visibility },
    ChangeMessageVisibilityBatch { queue: QueueName, entries: Vec<Entry<Result<Visibility, Error>>> },
    ListDeadLetterSourceQueues { queue: QueueName, page: Page },
    StartMessageMoveTask { source: QueueName, destination: Option<QueueName>, per_second: Option<u32> },
    CancelMessageMoveTask { source: QueueName, task: Uuid },
    ListMessageMoveTasks { source: QueueName, most: usize },
}

/// Tags by their keys.
pub type Tags = BTreeMap<String, String>;

/// Which part of a list.
#[derive(Clone, Debug)]
pub struct Page {
    /// The name after which it begins.
    pub after: Option<String>,
    /// Its length.
    pub most: usize,
    /// Whether the call wants to be told where the next one begins.
    pub more: bool,
}

/// One entry of a batch, under the caller's id.
#[derive(Clone, Debug)]
pub struct Entry<T> {
    /// The caller's id.
    pub id: String,
    /// What it is about.
    pub what: T,
}

/// A message to be sent.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// What it consists of.
    pub content: Arc<Content>,
    /// Body and attributes, in bytes.
    pub size: usize,
    /// Its own delay in seconds, 0 included; else the queue's.
    pub delay: Option<u32>,
    /// MD5 of the system attributes, if there are any.
    pub system_md5: Option<[u8; 16]>,
}

/// `ReceiveMessage`.
#[derive(Clone, Debug)]
pub struct Receive {
    /// From where.
    pub queue: QueueName,
    /// How many messages at most, 1 to 10.
    pub most: usize,
    /// For how many seconds they are hidden, 0 included; else as the queue has it.
    pub visibility_timeout: Option<u32>,
    /// For how many seconds to wait for one, 0 included; else as the queue has it.
    pub wait: Option<u32>,
}

/// A new visibility timeout for a message.
#[derive(Clone, Debug)]
pub struct Visibility {
    /// The message's latest receipt.
    pub handle: String,
    /// Seconds from now, 0 to 43,200.
    pub timeout: u32,
}

/// What a call is answered.
#[derive(Debug)]
pub enum Answer {
    /// Nothing is to be said.
    Done,
    /// The address of this queue.
    Queue(QueueName),
    /// Addresses of queues, and after which name the next page begins.
    Queues(Vec<QueueName>, Option<String>),
    /// The same, of the queues whose dead letters go to one queue.
    Sources(Vec<QueueName>, Option<String>),
    /// Attributes by name.
    Attributes(Vec<(&'static str, String)>),
    /// Tags.
    Tags(Tags),
    /// The message is in the queue.
    Sent(Sent),
    /// Each message is in the queue or has been refused.
    SentBatch(Vec<Entry<Result<Sent, Error>>>),
    /// Messages. If there are none, the call may wait so long and ask again.
    Messages(Vec<Delivery>, Waiting),
    /// Each entry is done or has been refused.
    DoneBatch(Vec<Entry<Result<(), Error>>>),
    /// A move task has begun.
    Started(Uuid, QueueName),
    /// A move task has ended after so many messages.
    Cancelled(u64),
    /// Move tasks of a queue, the latest first.
    MoveTasks(Vec<Progress>),
}

/// A message has been sent.
#[derive(Debug)]
pub struct Sent {
    /// Its id.
    pub id: Uuid,
    /// What it consists of.
    pub content: Arc<Content>,
    /// MD5 of the system attributes, if there are any.
    pub system_md5: Option<[u8; 16]>,
}

/// A message that is handed out.
#[derive(Debug)]
pub struct Delivery {
    /// Its id.
    pub id: Uuid,
    /// The receipt of this receive.
    pub handle: String,
    /// What it consists of.
    pub content: Arc<Content>,
    /// When it was sent.
    pub sent: Millis,
    /// When it was first received.
    pub first_received: Millis,
    /// How often it has been received, this time included.
    pub receives: u32,
    /// ARN of the queue whose dead letter it is.
    pub source: Option<Arc<str>>,
}

/// How long, and for what, a receive that found nothing may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The queue to be told about by [`Core::take_woken`](super::Core::take_woken).
    pub queue: QueueId,
    /// Since the call was made.
    pub time: Millis,
}
