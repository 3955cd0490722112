//! Messages in and out.

use super::message::{Message, State};
use super::name::QueueName;
use super::receipt::Receipt;
use super::{
    Answer, Code, Core, Entry, Error, Millis, NewMessage, QueueId, Receive, SECOND, Sent, Visibility, Waiting,
};

/// The longest that a message is hidden, counted from its receive.
const LONGEST_HIDDEN: u64 = 43_200;

impl Core {
    pub(super) fn send_message(&mut self, now: Millis, name: &QueueName, message: NewMessage) -> Result<Answer, Error> {
        let id = self.find(name)?;
        let sent = self.send(now, id, message, "One or more parameters are invalid.")?;
        self.reschedule(id);
        Ok(Answer::Sent(sent))
    }

    pub(super) fn send_message_batch(
        &mut self,
        now: Millis,
        name: &QueueName,
        entries: Vec<Entry<Result<NewMessage, Error>>>,
    ) -> Result<Answer, Error> {
        let id = self.find(name)?;
        let mut send = |message| self.send(now, id, message, "One or more parameters cannot be validated.");
        let results = each(entries, &mut send);
        self.reschedule(id);
        Ok(Answer::SentBatch(results))
    }

    fn send(&mut self, now: Millis, id: QueueId, message: NewMessage, too_long: &str) -> Result<Sent, Error> {
        let message_id = self.new_id();
        let queue = self.queues.get_mut(&id).ok_or_else(Error::no_queue)?;
        let longest = queue.attributes.maximum_message_size;
        if message.size > longest as usize {
            return Err(Error::invalid(format!("{too_long} Reason: Message must be shorter than {longest} bytes.")));
        }
        let NewMessage { content, delay, system_md5, .. } = message;
        let delay = Millis::from(delay.unwrap_or(queue.attributes.delay)) * SECOND;
        let (late, second) = self.unkind.as_mut().map_or((0, None), |dice| dice.copies());
        for late in [Some(late), second].into_iter().flatten() {
            let mut copy = Message::new(message_id, content.clone(), now);
            copy.place += self.unkind.as_mut().map_or(0, |dice| dice.back());
            copy.state = match delay + late {
                0 => State::Visible,
                hidden => State::Delayed(now + hidden),
            };
            let visible = copy.state == State::Visible;
            queue.insert(copy);
            if visible {
                self.woken.insert(id);
            }
        }
        Ok(Sent { id: message_id, content, system_md5 })
    }

    pub(super) fn receive_message(&mut self, now: Millis, receive: &Receive) -> Result<Answer, Error> {
        let id = self.find(&receive.queue)?;
        let limit = self.rules.in_flight;
        let queue = self.queue(&receive.queue)?;
        let attributes = &queue.attributes;
        let wait = Millis::from(receive.wait.unwrap_or(attributes.wait)) * SECOND;
        let hidden_for = Millis::from(receive.visibility_timeout.unwrap_or(attributes.visibility_timeout)) * SECOND;
        let room = limit.saturating_sub(queue.counts().in_flight);
        // A long poll learns nothing of the limit, as in SQS.
        if room == 0 && wait == 0 {
            return Err(Error::new(
                Code::OverLimit,
                format!("{limit} messages of the queue are in flight, the most there can be: delete some, or wait."),
            ));
        }
        // Without the queue that would take them, no message is dead.
        let policy = attributes.redrive.clone().filter(|policy| self.find(&policy.target).is_ok());
        let queue = self.queue(&receive.queue)?;
        let max_receives = policy.as_ref().map(|policy| policy.max_receives);
        let (deliveries, dead) = queue.receive(now, receive.most.min(room), hidden_for, max_receives);
        let (source, more) = (queue.arn.clone(), queue.counts().visible > 0);
        if let Some(policy) = policy {
            for mut message in dead {
                message.source = Some(source.clone());
                message.receipts = 0;
                message.place = now;
                message.state = State::Visible;
                self.put(&policy.target, message);
            }
        }
        if more {
            self.woken.insert(id);
        }
        self.reschedule(id);
        Ok(Answer::Messages(deliveries, Waiting { queue: id, time: wait }))
    }

    /// Puts a visible message into a queue that is known to be there.
    pub(super) fn put(&mut self, target: &QueueName, message: Message) {
        if let Ok(queue) = self.queue(target) {
            queue.insert(message);
            let id = queue.id;
            self.woken.insert(id);
            self.reschedule(id);
        }
    }

    pub(super) fn delete_message(&mut self, name: &QueueName, handle: &str) -> Result<Answer, Error> {
        let id = self.find(name)?;
        self.delete(id, handle)?;
        self.reschedule(id);
        Ok(Answer::Done)
    }

    pub(super) fn delete_message_batch(
        &mut self,
        name: &QueueName,
        entries: Vec<Entry<Result<String, Error>>>,
    ) -> Result<Answer, Error> {
        let id = self.find(name)?;
        let results = each(entries, &mut |handle: String| self.delete(id, &handle));
        self.reschedule(id);
        Ok(Answer::DoneBatch(results))
    }

    fn delete(&mut self, id: QueueId, handle: &str) -> Result<(), Error> {
        let receipt = receipt(id, handle)?;
        self.queues.get_mut(&id).ok_or_else(Error::no_queue)?.delete(receipt);
        Ok(())
    }

    pub(super) fn change_message_visibility(
        &mut self,
        now: Millis,
        name: &QueueName,
        visibility: &Visibility,
    ) -> Result<Answer, Error> {
        let id = self.find(name)?;
        self.change_visibility(now, id, visibility)?;
        self.reschedule(id);
        Ok(Answer::Done)
    }

    pub(super) fn change_message_visibility_batch(
        &mut self,
        now: Millis,
        name: &QueueName,
        entries: Vec<Entry<Result<Visibility, Error>>>,
    ) -> Result<Answer, Error> {
        let id = self.find(name)?;
        let results = each(entries, &mut |visibility| self.change_visibility(now, id, &visibility));
        self.reschedule(id);
        Ok(Answer::DoneBatch(results))
    }

    fn change_visibility(&mut self, now: Millis, id: QueueId, visibility: &Visibility) -> Result<(), Error> {
        let Visibility { handle, timeout } = visibility;
        let receipt = receipt(id, handle)?;
        let queue = self.queues.get_mut(&id).ok_or_else(Error::no_queue)?;
        let Some(message) = queue.received(receipt) else {
            let reason = "Message does not exist or is not available for visibility timeout change.";
            return Err(Error::parameter("ReceiptHandle", handle, reason));
        };
        if now.saturating_sub(message.last_received) / SECOND + u64::from(*timeout) > LONGEST_HIDDEN {
            let reason = "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]";
            return Err(Error::parameter("VisibilityTimeout", timeout, reason));
        }
        if queue.hide(now, receipt, Millis::from(*timeout) * SECOND) {
            self.woken.insert(id);
        }
        Ok(())
    }
}

fn receipt(queue: QueueId, handle: &str) -> Result<Receipt, Error> {
    match Receipt::decode(handle) {
        None => Err(Error::new(
            Code::ReceiptHandleIsInvalid,
            format!("The input receipt handle \"{handle}\" is not a valid receipt handle."),
        )),
        Some(receipt) if receipt.queue != queue.0 => {
            Err(Error::new(Code::ReceiptHandleIsInvalid, "The input receipt handle is invalid."))
        }
        Some(receipt) => Ok(receipt),
    }
}

/// Carries out the entries of a batch, each with a result of its own.
fn each<T, R>(
    entries: Vec<Entry<Result<T, Error>>>,
    act: &mut impl FnMut(T) -> Result<R, Error>,
) -> Vec<Entry<Result<R, Error>>> {
    let one = |entry: Entry<Result<T, Error>>| Entry { id: entry.id, what: entry.what.and_then(&mut *act) };
    entries.into_iter().map(one).collect()
}
