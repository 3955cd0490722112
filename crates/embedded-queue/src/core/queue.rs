//! One queue: its messages, and the indexes that find each of them when its time has come.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::attributes::Attributes;
use super::calls::{Delivery, Tags};
use super::message::{Message, Seq, State};
use super::move_task::MoveTasks;
use super::name::QueueName;
use super::places::{Counts, Places};
use super::receipt::Receipt;
use super::{Millis, QueueId, SECOND};

#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) id: QueueId,
    pub(crate) name: QueueName,
    pub(crate) arn: Arc<str>,
    pub(crate) created: Millis,
    pub(crate) modified: Millis,
    pub(crate) purged: Option<Millis>,
    pub(crate) attributes: Attributes,
    pub(crate) tags: Tags,
    pub(crate) moves: MoveTasks,
    messages: HashMap<Seq, Box<Message>>,
    /// All, by their states.
    places: Places,
    /// All, by the time of sending.
    ages: BTreeSet<(Millis, Seq)>,
    next: Seq,
}

impl Queue {
    pub(crate) fn new(id: QueueId, name: QueueName, now: Millis) -> Self {
        Self {
            id,
            arn: name.arn().into(),
            name,
            created: now,
            modified: now,
            purged: None,
            attributes: Attributes::default(),
            tags: Tags::new(),
            moves: MoveTasks::default(),
            messages: HashMap::new(),
            places: Places::default(),
            ages: BTreeSet::new(),
            next: 0,
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        self.places.counts()
    }

    /// When time alone will change something.
    pub(crate) fn next_due(&self) -> Option<Millis> {
        let shown = self.places.next_shown().map(|(at, _)| at);
        let expired = self.ages.first().map(|(sent, _)| sent + self.retention());
        [shown, expired, self.moves.next_due()].into_iter().flatten().min()
    }

    /// Drops what is too old and shows what is hidden no longer; whether there is anything newly visible.
    pub(crate) fn advance(&mut self, now: Millis) -> bool {
        while let Some((_, seq)) = self.ages.first().filter(|(sent, _)| sent + self.retention() <= now) {
            self.remove(*seq);
        }
        let mut shown = false;
        while let Some((_, seq)) = self.places.next_shown().filter(|(at, _)| *at <= now) {
            self.set_state(seq, State::Visible);
            shown = true;
        }
        shown
    }

    fn retention(&self) -> Millis {
        Millis::from(self.attributes.retention) * SECOND
    }

    /// Takes a message in, in the state that it has.
    pub(crate) fn insert(&mut self, message: Message) {
        let seq = self.next;
        self.next += 1;
        self.ages.insert((message.sent, seq));
        self.places.enter(seq, &message);
        self.messages.insert(seq, Box::new(message));
    }

    fn remove(&mut self, seq: Seq) -> Option<Message> {
        let message = *self.messages.remove(&seq)?;
        self.places.leave(seq, &message);
        self.ages.remove(&(message.sent, seq));
        Some(message)
    }

    fn set_state(&mut self, seq: Seq, state: State) {
        if let Some(message) = self.messages.get_mut(&seq) {
            self.places.leave(seq, message);
            message.state = state;
            self.places.enter(seq, message);
        }
    }

    /// The visible message whose turn it is.
    pub(crate) fn first(&self) -> Option<&Message> {
        self.messages.get(&self.places.first()?).map(|message| &**message)
    }

    /// Takes it out.
    pub(crate) fn take_first(&mut self) -> Option<Message> {
        self.remove(self.places.first()?)
    }

    /// Hands out up to `most` messages, and takes out those that have been received `max_receives` times already.
    pub(crate) fn receive(
        &mut self,
        now: Millis,
        most: usize,
        hidden_for: Millis,
        max_receives: Option<u32>,
    ) -> (Vec<Delivery>, Vec<Message>) {
        let (mut deliveries, mut dead) = (Vec::new(), Vec::new());
        // A message that is hidden for no time at all is visible again, but not to this receive.
        let mut again = Vec::new();
        while deliveries.len() < most
            && let Some(seq) = self.places.first()
            && let Some(message) = self.messages.get_mut(&seq)
        {
            if max_receives.is_some_and(|limit| message.receipts >= limit) {
                dead.extend(self.remove(seq));
                continue;
            }
            if message.receives == 0 {
                message.first_received = now;
            }
            message.receives += 1;
            message.receipts += 1;
            message.last_received = now;
            deliveries.push(Delivery {
                id: message.id,
                handle: Receipt { queue: self.id.0, seq, number: message.receipts }.encode(),
                content: message.content.clone(),
                sent: message.sent,
                first_received: message.first_received,
                receives: message.receives,
                source: message.source.clone(),
            });
            self.set_state(seq, State::InFlight(now + hidden_for));
            if hidden_for == 0 {
                again.push(seq);
            }
        }
        for seq in again {
            self.set_state(seq, State::Visible);
        }
        (deliveries, dead)
    }

    /// The message that the receipt is about. An older receipt of it will do, as in SQS.
    pub(crate) fn received(&self, receipt: Receipt) -> Option<&Message> {
        let given = |message: &&Message| (1..=message.receipts).contains(&receipt.number);
        self.messages.get(&receipt.seq).map(|message| &**message).filter(given)
    }

    /// Deletes the message, if the receipt is its latest one: an older one deletes nothing.
    pub(crate) fn delete(&mut self, receipt: Receipt) {
        if self.received(receipt).is_some_and(|message| message.receipts == receipt.number) {
            self.remove(receipt.seq);
        }
    }

    /// Hides the message for so long from now; whether it is visible at once.
    pub(crate) fn hide(&mut self, now: Millis, receipt: Receipt, time: Millis) -> bool {
        let state = if time == 0 { State::Visible } else { State::InFlight(now + time) };
        self.set_state(receipt.seq, state);
        time == 0
    }

    pub(crate) fn purge(&mut self, now: Millis) {
        self.purged = Some(now);
        self.messages = HashMap::new();
        self.places = Places::default();
        self.ages.clear();
    }
}
