//! Message move tasks, carried out
//! (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html>).

use uuid::Uuid;

use super::message::Message;
use super::move_task::{MoveTask, Status};
use super::name::QueueName;
use super::{Answer, Code, Core, Error, Millis, QueueId};

const NO_DESTINATION: &str = "AWS.SimpleQueueService.NonExistentQueue";
const NO_SOURCE: &str = "CouldNotDetermineMessageSource";

impl Core {
    pub(super) fn start_move_task(
        &mut self,
        now: Millis,
        source: QueueName,
        destination: Option<QueueName>,
        per_second: Option<u32>,
    ) -> Result<Answer, Error> {
        let from = self.find(&source).map_err(|_| not_found("SourceArn"))?;
        if !self.sources.contains_key(&source) {
            return Err(Error::invalid("Source queue must be configured as a Dead Letter Queue."));
        }
        if let Some(destination) = &destination {
            self.find(destination).map_err(|_| not_found("DestinationArn"))?;
            if *destination == source {
                return Err(Error::invalid("Source queue arn and destination queue arn cannot be the same."));
            }
        }
        let id = self.new_id();
        let queue = self.queue(&source)?;
        let to_move = queue.counts().visible as u64;
        let status = Status::Running;
        queue.moves.start(MoveTask { id, destination, per_second, started: now, to_move, moved: 0, status })?;
        self.reschedule(from);
        Ok(Answer::Started(id, source))
    }

    pub(super) fn cancel_move_task(&mut self, source: &QueueName, task: Uuid) -> Result<Answer, Error> {
        let id = self.find(source).map_err(|_| not_found("SourceArn"))?;
        let moved = self.queue(source)?.moves.cancel(task)?;
        self.reschedule(id);
        Ok(Answer::Cancelled(moved))
    }

    pub(super) fn list_move_tasks(&mut self, source: &QueueName, most: usize) -> Result<Answer, Error> {
        let queue = self.queue(source).map_err(|_| not_found("SourceArn"))?;
        Ok(Answer::MoveTasks(queue.moves.list(source, most)))
    }

    /// Moves what the queue's task may have moved by now.
    pub(super) fn advance_move_task(&mut self, now: Millis, from: QueueId) {
        loop {
            let Some(queue) = self.queues.get_mut(&from) else { return };
            let source = queue.first().map(|message| message.source.clone());
            let Some(task) = queue.moves.running().filter(|task| task.due(now) > 0) else { return };
            let Some(source) = source else {
                task.status = Status::Completed;
                return;
            };
            let given = task.destination.clone();
            // A letter of a queue that is its own dead-letter queue has nowhere to go back to.
            let back = || QueueName::from_arn(&source?).filter(|to| *to != queue.name);
            let destination = given.or_else(back).ok_or(NO_SOURCE);
            let destination = destination.and_then(|to| self.find(&to).map(|_| to).map_err(|_| NO_DESTINATION));
            match destination {
                Ok(to) => self.redrive(now, from, &to),
                Err(reason) => return self.fail(from, reason),
            }
        }
    }

    fn fail(&mut self, from: QueueId, reason: &'static str) {
        if let Some(task) = self.queues.get_mut(&from).and_then(|queue| queue.moves.running()) {
            task.status = Status::Failed(reason);
        }
    }

    /// Sends a dead letter anew: it gets a new id, a new time of sending, and has never been received.
    fn redrive(&mut self, now: Millis, from: QueueId, to: &QueueName) {
        let id = self.new_id();
        let Some(queue) = self.queues.get_mut(&from) else { return };
        let message = queue.take_first();
        let nothing_left = queue.counts().visible == 0;
        if let Some(task) = queue.moves.running() {
            task.moved += 1;
            if nothing_left {
                task.status = Status::Completed;
            }
        }
        if let Some(message) = message {
            self.put(to, Message::new(id, message.content, now));
        }
    }
}

fn not_found(parameter: &str) -> Error {
    let message = format!("The resource that you specified for the {parameter} parameter doesn't exist.");
    Error::new(Code::ResourceNotFound, message)
}
