//! Message move tasks, carried out
//! (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html>).

use uuid::Uuid;

use super::message::{Message, State};
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
            let visible = queue.counts().visible;
            let Some(task) = queue.moves.running() else { return };
            if visible == 0 {
                task.status = Status::Completed;
                return;
            }
            if task.due(now) == 0 {
                return;
            }
            let destination = task.destination.clone();
            let Some(message) = queue.take_first() else { return };
            let result = self.redrive(now, message, destination);
            let Some(queue) = self.queues.get_mut(&from) else { return };
            let failed = match result {
                Ok(()) => None,
                Err((message, reason)) => {
                    queue.insert(*message);
                    Some(reason)
                }
            };
            let Some(task) = queue.moves.running() else { return };
            match failed {
                None => task.moved += 1,
                Some(reason) => task.status = Status::Failed(reason),
            }
        }
    }

    /// Sends a dead letter anew: it gets a new id, a new time of sending, and has never been received. If there is no
    /// queue for it, it is given back with the reason.
    fn redrive(
        &mut self,
        now: Millis,
        message: Message,
        destination: Option<QueueName>,
    ) -> Result<(), (Box<Message>, &'static str)> {
        let destination = destination.or_else(|| QueueName::from_arn(message.source.as_deref()?));
        let Some(destination) = destination else { return Err((Box::new(message), NO_SOURCE)) };
        if self.find(&destination).is_err() {
            return Err((Box::new(message), NO_DESTINATION));
        }
        let mut anew = Message::new(self.new_id(), message.content, now);
        anew.state = State::Visible(now);
        self.put(&destination, anew);
        Ok(())
    }
}

fn not_found(parameter: &str) -> Error {
    let message = format!("The resource that you specified for the {parameter} parameter doesn't exist.");
    Error::new(Code::ResourceNotFound, message)
}
