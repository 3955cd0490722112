//! Message move tasks: dead letters on their way back, at a rate.

use std::collections::VecDeque;

use uuid::Uuid;

use super::name::QueueName;
use super::{Code, Error, Millis, SECOND};

/// How many tasks of a queue are remembered, as many as `ListMessageMoveTasks` lists at most.
const REMEMBERED: usize = 10;
/// Messages per second where the call says nothing.
const UNLIMITED: u32 = 50_000;

/// The move tasks of one dead-letter queue, the latest first.
#[derive(Debug, Default)]
pub(crate) struct MoveTasks(VecDeque<MoveTask>);

#[derive(Debug)]
pub(crate) struct MoveTask {
    pub(crate) id: Uuid,
    /// Where to; else each message goes back to where it came from.
    pub(crate) destination: Option<QueueName>,
    pub(crate) per_second: Option<u32>,
    pub(crate) started: Millis,
    pub(crate) to_move: u64,
    pub(crate) moved: u64,
    pub(crate) status: Status,
}

/// Where a move task has got to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It moves.
    Running,
    /// There is nothing left to move.
    Completed,
    /// It was told to stop.
    Cancelled,
    /// It could not go on, for this reason.
    Failed(&'static str),
}

/// What `ListMessageMoveTasks` says of a task.
#[derive(Debug)]
#[allow(missing_docs, reason = "the API reference says what each means")]
pub struct Progress {
    pub task: Uuid,
    pub status: Status,
    pub source: QueueName,
    pub destination: Option<QueueName>,
    pub per_second: Option<u32>,
    pub started: Millis,
    pub moved: u64,
    pub to_move: u64,
}

impl MoveTask {
    fn rate(&self) -> u64 {
        self.per_second.unwrap_or(UNLIMITED).into()
    }

    /// How many more messages it may move by now. The first one goes at once.
    pub(crate) fn due(&self, now: Millis) -> u64 {
        (1 + now.saturating_sub(self.started) * self.rate() / SECOND).saturating_sub(self.moved)
    }

    fn next_due(&self) -> Millis {
        self.started + (self.moved * SECOND).div_ceil(self.rate())
    }
}

impl MoveTasks {
    pub(crate) fn start(&mut self, task: MoveTask) -> Result<(), Error> {
        if self.running().is_some() {
            return Err(Error::invalid(
                "There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
            ));
        }
        self.0.truncate(REMEMBERED - 1);
        self.0.push_front(task);
        Ok(())
    }

    pub(crate) fn running(&mut self) -> Option<&mut MoveTask> {
        self.0.front_mut().filter(|task| task.status == Status::Running)
    }

    pub(crate) fn next_due(&self) -> Option<Millis> {
        self.0.front().filter(|task| task.status == Status::Running).map(MoveTask::next_due)
    }

    /// Ends a task; how many messages it has moved.
    pub(crate) fn cancel(&mut self, id: Uuid) -> Result<u64, Error> {
        let task = self.0.iter_mut().find(|task| task.id == id);
        let task = task.ok_or_else(|| Error::new(Code::ResourceNotFound, "Task does not exist."))?;
        if task.status != Status::Running {
            return Err(Error::invalid("Only a task whose status is RUNNING can be cancelled."));
        }
        task.status = Status::Cancelled;
        Ok(task.moved)
    }

    pub(crate) fn list(&self, source: &QueueName, most: usize) -> Vec<Progress> {
        let progress = |task: &MoveTask| Progress {
            task: task.id,
            status: task.status,
            source: source.clone(),
            destination: task.destination.clone(),
            per_second: task.per_second,
            started: task.started,
            moved: task.moved,
            to_move: task.to_move,
        };
        self.0.iter().take(most).map(progress).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(per_second: Option<u32>, moved: u64) -> MoveTask {
        let (id, status) = (Uuid::nil(), Status::Running);
        MoveTask { id, destination: None, per_second, started: 1000, to_move: 10, moved, status }
    }

    #[test]
    fn a_task_moves_as_many_a_second_as_it_was_told() {
        assert_eq!(task(Some(2), 0).due(1000), 1);
        assert_eq!(task(Some(2), 1).due(1499), 0);
        assert_eq!(task(Some(2), 1).next_due(), 1500);
        assert_eq!(task(Some(2), 1).due(1500), 1);
        assert_eq!(task(Some(2), 1).due(3000), 4);
        assert_eq!(task(Some(3), 1).next_due(), 1334);
        assert_eq!(task(Some(3), 1).due(1334), 1);
    }

    #[test]
    fn only_one_task_runs_at_a_time_and_ten_are_remembered() {
        let mut tasks = MoveTasks::default();
        tasks.start(task(None, 0)).unwrap();
        assert!(tasks.start(task(None, 0)).is_err());
        for _ in 0..20 {
            tasks.cancel(Uuid::nil()).unwrap();
            tasks.start(task(None, 0)).unwrap();
        }
        let queue = QueueName { region: "r".into(), name: "q".into() };
        assert_eq!(tasks.list(&queue, 100).len(), 10);
    }
}
