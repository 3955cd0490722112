//! The queues as a state machine: `(state, now, call) → answer`, and when to look again.
//!
//! There is no clock, no randomness, no I/O and no task in here. Time comes with each call; ids come from a generator
//! whose seed is handed in. A call costs O(log n) in the number of messages, whatever their states: each state has an
//! index ordered by what ends it (`places`), receipts name their message (`receipt`).

mod attributes;
mod calls;
mod catalogue;
mod error;
mod exchange;
mod line;
mod message;
mod move_task;
mod moving;
mod name;
mod permissions;
mod places;
mod queue;
mod receipt;
mod redrive;
mod tags;
mod unkind;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

pub use attributes::Change;
pub(crate) use attributes::is_readable;
pub use calls::{Answer, Call, Delivery, Entry, NewMessage, Page, Receive, Sent, Tags, Visibility, Waiting};
use catalogue::RecentlyDeleted;
pub use error::{Code, Error};
pub use message::{Attribute, Content, Value};
pub use move_task::{Progress, Status};
pub(crate) use name::is_label;
pub use name::{ACCOUNT, QueueName};
use queue::Queue;
pub use redrive::{RedriveAllowPolicy, RedrivePolicy};
use unkind::Dice;
pub use unkind::{NotUnkindness, Unkindness};

/// Milliseconds since 1970.
pub type Millis = u64;

const SECOND: Millis = 1000;

/// A queue's number, which no other queue ever has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueId(u64);

/// What can be set of the whole.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Whether a name is taken for 60 s after its queue was deleted, and a queue can be purged once in 60 s only.
    pub sixty_seconds: bool,
    /// How many messages of a queue may be in flight: 120,000 in SQS
    /// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html>).
    pub in_flight: usize,
}

impl Default for Rules {
    /// SQS's own.
    fn default() -> Self {
        Self { sixty_seconds: true, in_flight: 120_000 }
    }
}

/// All queues of all regions.
#[derive(Debug)]
pub struct Core {
    rules: Rules,
    random: fastrand::Rng,
    unkind: Option<Dice>,
    queues: HashMap<QueueId, Queue>,
    names: BTreeMap<QueueName, QueueId>,
    /// Which queues send their dead letters to one, whether or not it is there.
    sources: BTreeMap<QueueName, BTreeSet<QueueName>>,
    /// When to look at which queue again.
    agenda: BTreeSet<(Millis, QueueId)>,
    scheduled: HashMap<QueueId, Millis>,
    deleted: RecentlyDeleted,
    /// Queues that something became visible in, or that are gone, since the last look at this set.
    woken: BTreeSet<QueueId>,
}

impl Core {
    /// No queues yet. Ids and receipts depend on `seed`.
    pub fn new(rules: Rules, seed: u64) -> Self {
        Self {
            rules,
            random: fastrand::Rng::with_seed(seed),
            unkind: None,
            queues: HashMap::new(),
            names: BTreeMap::new(),
            sources: BTreeMap::new(),
            agenda: BTreeSet::new(),
            scheduled: HashMap::new(),
            deleted: RecentlyDeleted::default(),
            woken: BTreeSet::new(),
        }
    }

    /// Begins or ends to be unkind.
    pub fn set_unkindness(&mut self, unkindness: Option<Unkindness>) {
        self.unkind = unkindness.map(Dice::new);
    }

    /// Whether the next answer is one of those that get lost.
    pub fn loses_answer(&mut self) -> bool {
        self.unkind.as_mut().is_some_and(Dice::loses_answer)
    }

    /// Carries out a call. `now` never goes back.
    pub fn call(&mut self, now: Millis, call: Call) -> Result<Answer, Error> {
        self.advance(now);
        match call {
            Call::CreateQueue { queue, attributes, tags } => self.create_queue(now, queue, attributes, tags),
            Call::DeleteQueue { queue } => self.delete_queue(now, &queue),
            Call::GetQueueUrl { queue } => self.find(&queue).map(|_| Answer::Queue(queue)),
            Call::ListQueues { region, prefix, page } => self.list_queues(&region, &prefix, page),
            Call::GetQueueAttributes { queue, names } => self.get_queue_attributes(&queue, &names),
            Call::SetQueueAttributes { queue, attributes } => self.set_queue_attributes(now, &queue, attributes),
            Call::PurgeQueue { queue } => self.purge_queue(now, &queue),
            Call::TagQueue { queue, tags } => self.tag_queue(&queue, tags),
            Call::UntagQueue { queue, keys } => self.untag_queue(&queue, &keys),
            Call::ListQueueTags { queue } => Ok(Answer::Tags(self.queue(&queue)?.tags.clone())),
            Call::AddPermission { queue, label, accounts, actions } => {
                self.add_permission(now, &queue, &label, &accounts, &actions)
            }
            Call::RemovePermission { queue, label } => self.remove_permission(now, &queue, &label),
            Call::SendMessage { queue, message } => self.send_message(now, &queue, message),
            Call::SendMessageBatch { queue, entries } => self.send_message_batch(now, &queue, entries),
            Call::ReceiveMessage(receive) => self.receive_message(now, &receive),
            Call::DeleteMessage { queue, handle } => self.delete_message(&queue, &handle),
            Call::DeleteMessageBatch { queue, entries } => self.delete_message_batch(&queue, entries),
            Call::ChangeMessageVisibility { queue, visibility } => {
                self.change_message_visibility(now, &queue, &visibility)
            }
            Call::ChangeMessageVisibilityBatch { queue, entries } => {
                self.change_message_visibility_batch(now, &queue, entries)
            }
            Call::ListDeadLetterSourceQueues { queue, page } => self.list_sources(&queue, page),
            Call::StartMessageMoveTask { source, destination, per_second } => {
                self.start_move_task(now, source, destination, per_second)
            }
            Call::CancelMessageMoveTask { source, task } => self.cancel_move_task(&source, task),
            Call::ListMessageMoveTasks { source, most } => self.list_move_tasks(&source, most),
        }
    }

    /// Does what time alone brings about: hidden messages are visible again, old ones gone, move tasks further on.
    pub fn advance(&mut self, now: Millis) {
        while let Some((_, id)) = self.agenda.first().copied().filter(|(at, _)| *at <= now) {
            if self.queues.get_mut(&id).is_some_and(|queue| queue.advance(now)) {
                self.woken.insert(id);
            }
            self.advance_move_task(now, id);
            self.reschedule(id);
        }
    }

    /// When time alone will bring about something.
    pub fn next_due(&self) -> Option<Millis> {
        self.agenda.first().map(|(at, _)| *at)
    }

    /// The queues that something became visible in, or that are gone, since this was last asked: a receive that waits
    /// for one of them should be made again.
    pub fn take_woken(&mut self) -> BTreeSet<QueueId> {
        std::mem::take(&mut self.woken)
    }

    /// Whether there is such a queue (still).
    pub fn exists(&self, queue: QueueId) -> bool {
        self.queues.contains_key(&queue)
    }

    fn find(&self, name: &QueueName) -> Result<QueueId, Error> {
        self.names.get(name).copied().ok_or_else(Error::no_queue)
    }

    fn queue(&mut self, name: &QueueName) -> Result<&mut Queue, Error> {
        let id = self.find(name)?;
        self.queues.get_mut(&id).ok_or_else(Error::no_queue)
    }

    /// To be called after whatever changes when a queue is to be looked at again.
    fn reschedule(&mut self, id: QueueId) {
        let due = self.queues.get(&id).and_then(Queue::next_due);
        let before = match due {
            Some(due) => self.scheduled.insert(id, due),
            None => self.scheduled.remove(&id),
        };
        if before == due {
            return;
        }
        if let Some(before) = before {
            self.agenda.remove(&(before, id));
        }
        if let Some(due) = due {
            self.agenda.insert((due, id));
        }
    }

    fn new_id(&mut self) -> Uuid {
        uuid::Builder::from_random_bytes(self.random.u128(..).to_be_bytes()).into_uuid()
    }
}
