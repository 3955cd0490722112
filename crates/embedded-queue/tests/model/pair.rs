//! The core and the model, given the same.

use std::collections::HashMap;
use std::sync::Arc;

use embedded_queue::core::{
    Answer, Call, Change, Code, Content, Core, Delivery, Entry, Error, Millis, NewMessage, QueueName, Receive,
    RedrivePolicy, Rules, Visibility,
};
use uuid::Uuid;

use crate::naive::{self, DLQ, LIMIT, Model, NAMES, Receipt, SECOND};
use crate::steps::Step;

pub(crate) struct Pair {
    core: Core,
    model: Model,
    now: Millis,
    /// All that were ever given, the latest last.
    receipts: Vec<(usize, String, Receipt)>,
    /// By message and sending.
    ids: HashMap<(usize, usize), Uuid>,
    task: Uuid,
}

impl Pair {
    pub(crate) fn new(seed: u64) -> Self {
        let core = Core::new(Rules { sixty_seconds: true, in_flight: LIMIT }, seed);
        let (receipts, ids) = (Vec::new(), HashMap::new());
        let mut pair = Self { core, model: Model::default(), now: 1_700_000_000_000, receipts, ids, task: Uuid::nil() };
        for queue in 0..NAMES.len() {
            pair.take(Step::Create { queue, visibility_timeout: None });
        }
        pair
    }

    pub(crate) fn take(&mut self, step: Step) {
        self.make(step);
        self.compare();
    }

    fn make(&mut self, step: Step) {
        let now = self.now;
        match step {
            Step::Wait(time) => self.wait(time),
            Step::Create { queue, visibility_timeout } => {
                let attributes = visibility_timeout.map(Change::VisibilityTimeout).into_iter().collect();
                let call = Call::CreateQueue { queue: name(queue), attributes, tags: Default::default() };
                let expected = self.model.create(now, queue, visibility_timeout);
                self.done(call, expected);
            }
            Step::DeleteQueue { queue } => {
                let expected = self.model.delete_queue(now, queue);
                self.done(Call::DeleteQueue { queue: name(queue) }, expected);
            }
            Step::SetDelay { queue, seconds } => {
                let expected = self.model.queue(queue).map(|queue| queue.delay = seconds);
                self.set(queue, Change::Delay(seconds), expected);
            }
            Step::SetVisibilityTimeout { queue, seconds } => {
                let expected = self.model.queue(queue).map(|queue| queue.visibility_timeout = seconds);
                self.set(queue, Change::VisibilityTimeout(seconds), expected);
            }
            Step::SetRetention { queue, seconds } => {
                let expected = self.model.queue(queue).map(|queue| queue.retention = seconds);
                self.set(queue, Change::Retention(seconds), expected);
                self.model.advance(now);
            }
            Step::SetRedrive { queue, redrive } => {
                let expected = self.model.set_redrive(queue, redrive);
                let policy = redrive.map(|max_receives| RedrivePolicy { target: name(DLQ), max_receives });
                self.set(queue, Change::Redrive(policy), expected);
            }
            Step::Purge { queue } => {
                let expected = self.model.purge(now, queue);
                self.done(Call::PurgeQueue { queue: name(queue) }, expected);
            }
            Step::Send { queue, group, delay } => self.send(queue, group, delay),
            Step::SendBatch { queue, groups } => self.send_batch(queue, &groups),
            Step::Receive { queue, most, timeout } => self.receive(queue, most, timeout),
            Step::Delete { receipt, queue } => {
                let Some((of, handle, receipt)) = self.receipt(receipt) else { return };
                let queue = queue.unwrap_or(of);
                let expected = self.model.delete(queue, receipt);
                self.done(Call::DeleteMessage { queue: name(queue), handle }, expected);
            }
            Step::DeleteBatch { receipts } => {
                let delete = |model: &mut Model, queue, receipt| model.delete(queue, receipt);
                let call = |queue, entries: Vec<String>| {
                    let entries = entries.into_iter().enumerate();
                    let entries = entries.map(|(id, handle)| Entry { id: id.to_string(), what: Ok(handle) }).collect();
                    Call::DeleteMessageBatch { queue, entries }
                };
                self.batch(&receipts, delete, call);
            }
            Step::Change { receipt, queue, timeout } => {
                let Some((of, handle, receipt)) = self.receipt(receipt) else { return };
                let queue = queue.unwrap_or(of);
                let expected = self.model.change(now, queue, receipt, timeout);
                let visibility = Visibility { handle, timeout };
                self.done(Call::ChangeMessageVisibility { queue: name(queue), visibility }, expected);
            }
            Step::ChangeBatch { receipts, timeout } => {
                let change = |model: &mut Model, queue, receipt| model.change(now, queue, receipt, timeout);
                let call = |queue, entries: Vec<String>| {
                    let entry = |(id, handle): (usize, String)| Entry {
                        id: id.to_string(),
                        what: Ok(Visibility { handle, timeout }),
                    };
                    Call::ChangeMessageVisibilityBatch {
                        queue,
                        entries: entries.into_iter().enumerate().map(entry).collect(),
                    }
                };
                self.batch(&receipts, change, call);
            }
            Step::StartMove { destination, per_second } => {
                let expected = self.model.start_move(now, destination, per_second);
                let destination = destination.map(name);
                match self.call(Call::StartMessageMoveTask { source: name(DLQ), destination, per_second }) {
                    Ok(Answer::Started(task, _)) => {
                        expected.unwrap();
                        self.task = task;
                    }
                    other => assert_eq!(other.unwrap_err().code, expected.unwrap_err()),
                }
            }
            Step::CancelMove => {
                let expected = self.model.cancel_move();
                match self.call(Call::CancelMessageMoveTask { source: name(DLQ), task: self.task }) {
                    Ok(Answer::Cancelled(moved)) => assert_eq!(moved, expected.unwrap()),
                    other => assert_eq!(other.unwrap_err().code, expected.unwrap_err()),
                }
            }
        }
    }

    fn call(&mut self, call: Call) -> Result<Answer, Error> {
        self.core.call(self.now, call)
    }

    fn done(&mut self, call: Call, expected: Result<(), Code>) {
        let outcome = self.call(call.clone()).map(drop).map_err(|error| error.code);
        assert_eq!(outcome, expected, "{call:?}");
    }

    fn set(&mut self, queue: usize, change: Change, expected: Result<(), Code>) {
        self.done(Call::SetQueueAttributes { queue: name(queue), attributes: vec![change] }, expected);
    }

    /// Both are looked at whenever something happens.
    fn wait(&mut self, time: Millis) {
        let end = self.now + time;
        while let Some(due) = self.core.next_due().filter(|due| *due <= end) {
            self.now = due;
            self.core.advance(due);
            self.model.advance(due);
            assert_eq!(self.core.next_due(), self.model.next_due());
        }
        self.now = end;
    }

    fn send(&mut self, queue: usize, group: Option<u8>, delay: Option<u32>) {
        let message = message(self.model.next_number(), group, delay);
        match (
            self.call(Call::SendMessage { queue: name(queue), message }),
            self.model.send(self.now, queue, group, delay),
        ) {
            (Ok(Answer::Sent(sent)), Ok(number)) => self.sent(number, sent.id),
            (outcome, expected) => assert_eq!(outcome.unwrap_err().code, expected.unwrap_err()),
        }
    }

    fn send_batch(&mut self, queue: usize, groups: &[Option<u8>]) {
        let first = self.model.next_number();
        let entry = |(place, group): (usize, &Option<u8>)| Entry {
            id: place.to_string(),
            what: Ok(message(first + place, *group, None)),
        };
        let entries = groups.iter().enumerate().map(entry).collect();
        match self.call(Call::SendMessageBatch { queue: name(queue), entries }) {
            Ok(Answer::SentBatch(entries)) => {
                for (entry, group) in entries.into_iter().zip(groups) {
                    let number = self.model.send(self.now, queue, *group, None).unwrap();
                    self.sent(number, entry.what.unwrap().id);
                }
            }
            other => assert_eq!(other.unwrap_err().code, self.model.queue(queue).unwrap_err()),
        }
    }

    fn sent(&mut self, number: usize, id: Uuid) {
        assert!(self.ids.values().all(|other| *other != id));
        self.ids.insert((number, 0), id);
    }

    fn receive(&mut self, queue: usize, most: usize, visibility_timeout: Option<u32>) {
        let receive = Receive { queue: name(queue), most, visibility_timeout, wait: Some(0) };
        let expected = self.model.receive(self.now, queue, most, visibility_timeout);
        match self.call(Call::ReceiveMessage(receive)) {
            Ok(Answer::Messages(deliveries, _)) => {
                let expected = expected.unwrap();
                let bodies: Vec<&str> = deliveries.iter().map(|delivery| &*delivery.content.body).collect();
                let numbers: Vec<String> = expected.iter().map(|message| message.number.to_string()).collect();
                assert_eq!(bodies, numbers);
                let life = self.model.queue(queue).unwrap().life;
                for (delivery, message) in deliveries.into_iter().zip(expected) {
                    self.received(queue, life, delivery, &message);
                }
            }
            other => assert_eq!(other.unwrap_err().code, expected.unwrap_err()),
        }
    }

    fn received(&mut self, queue: usize, life: usize, delivery: Delivery, message: &naive::Message) {
        let source = delivery.source.as_deref().map(|arn| NAMES.iter().position(|name| arn.ends_with(name)).unwrap());
        assert_eq!(
            (delivery.sent, Some(delivery.first_received), delivery.receives, source),
            (message.sent, message.first_received, message.receives, message.source)
        );
        let id = *self.ids.entry((message.number, message.sendings)).or_insert(delivery.id);
        assert_eq!(delivery.id, id);
        assert_eq!(self.ids.iter().filter(|(_, other)| **other == id).count(), 1, "a new sending has a new id");
        assert!(self.receipts.iter().all(|(_, handle, _)| *handle != delivery.handle));
        let (number, arrivals, receipt) = (message.number, message.arrivals, message.receipts);
        self.receipts.push((queue, delivery.handle, Receipt { life, number, arrivals, receipt }));
    }

    fn receipt(&self, back: usize) -> Option<(usize, String, Receipt)> {
        self.receipts.iter().rev().nth(back).cloned()
    }

    /// A batch about receipts of one queue.
    fn batch(
        &mut self,
        receipts: &[usize],
        act: impl Fn(&mut Model, usize, Receipt) -> Result<(), Code>,
        call: impl Fn(QueueName, Vec<String>) -> Call,
    ) {
        let chosen: Vec<_> = receipts.iter().filter_map(|back| self.receipt(*back)).collect();
        let Some(queue) = chosen.first().map(|(queue, ..)| *queue) else { return };
        let handles = chosen.iter().map(|(_, handle, _)| handle.clone()).collect();
        match self.call(call(name(queue), handles)) {
            Ok(Answer::DoneBatch(entries)) => {
                for (entry, (_, _, receipt)) in entries.into_iter().zip(chosen) {
                    let expected = act(&mut self.model, queue, receipt);
                    assert_eq!(entry.what.map_err(|error| error.code), expected);
                }
            }
            other => assert_eq!(other.unwrap_err().code, self.model.queue(queue).unwrap_err()),
        }
    }

    fn compare(&mut self) {
        assert_eq!(self.core.next_due(), self.model.next_due());
        for (queue, known) in NAMES.iter().enumerate() {
            let names = vec!["All".to_owned()];
            let attributes = self.core.call(self.now, Call::GetQueueAttributes { queue: name(queue), names });
            // Something may have been due at this very moment.
            self.model.advance(self.now);
            let Ok(expected) = self.model.queue(queue) else {
                assert_eq!(attributes.unwrap_err().code, Code::NonExistentQueue);
                continue;
            };
            let Ok(Answer::Attributes(list)) = attributes else { panic!("{attributes:?}") };
            let counts = ["", "NotVisible", "Delayed"].map(|state| {
                let wanted = format!("ApproximateNumberOfMessages{state}");
                list.iter().find(|(name, _)| *name == wanted).unwrap().1.parse::<usize>().unwrap()
            });
            assert_eq!(counts, expected.counts(), "{known} at {}", self.now / SECOND);
        }
        if let Ok(Answer::MoveTasks(tasks)) =
            self.core.call(self.now, Call::ListMessageMoveTasks { source: name(DLQ), most: 10 })
        {
            let expected = &self.model.queue(DLQ).unwrap().tasks;
            let got: Vec<_> = tasks.iter().map(|task| (task.status, task.moved, task.to_move, task.started)).collect();
            let expected: Vec<_> =
                expected.iter().map(|task| (task.status, task.moved, task.to_move, task.started)).collect();
            assert_eq!(got, expected);
        }
    }
}

fn name(queue: usize) -> QueueName {
    QueueName { region: "us-east-1".into(), name: NAMES[queue].into() }
}

fn message(number: usize, group: Option<u8>, delay: Option<u32>) -> NewMessage {
    let content = Content {
        body: number.to_string().into(),
        body_md5: [0; 16],
        attributes: Box::new([]),
        attributes_md5: [0; 16],
        trace_header: None,
        group: group.map(|group| group.to_string().into()),
    };
    NewMessage { content: Arc::new(content), size: 1, delay, system_md5: None }
}
