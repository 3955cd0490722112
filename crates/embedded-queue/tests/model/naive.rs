//! SQS's rules on plain lists, each question answered by looking at every message: too simple to be wrong, too slow to
//! be used.

use embedded_queue::core::{Code, Millis, Status};

pub(crate) const SECOND: Millis = 1000;
pub(crate) const LIMIT: usize = 5;

/// The queues of the test, by name.
pub(crate) const NAMES: [&str; 3] = ["orders", "dlq", "other"];
pub(crate) const DLQ: usize = 1;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum State {
    Visible,
    InFlight { until: Millis },
    Delayed { until: Millis },
}

#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// What it is, wherever it goes.
    pub(crate) number: usize,
    pub(crate) group: Option<u8>,
    pub(crate) sent: Millis,
    pub(crate) first_received: Option<Millis>,
    pub(crate) last_received: Millis,
    pub(crate) receives: u32,
    /// In this queue.
    pub(crate) receipts: u32,
    pub(crate) source: Option<usize>,
    /// How often it has been sent anew, with a new id each time.
    pub(crate) sendings: usize,
    /// How often it has come into a queue, sent or moved.
    pub(crate) arrivals: usize,
    pub(crate) state: State,
}

#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) destination: Option<usize>,
    pub(crate) per_second: Option<u32>,
    pub(crate) started: Millis,
    pub(crate) to_move: u64,
    pub(crate) moved: u64,
    pub(crate) status: Status,
}

#[derive(Clone, Debug)]
pub(crate) struct Queue {
    /// No two queues have the same, not even of one name.
    pub(crate) life: usize,
    pub(crate) delay: u32,
    pub(crate) visibility_timeout: u32,
    pub(crate) retention: u32,
    /// Whether its dead letters go to [`DLQ`], and after how many receives.
    pub(crate) redrive: Option<u32>,
    pub(crate) purged: Option<Millis>,
    /// In the order of arrival.
    pub(crate) messages: Vec<Message>,
    /// The latest first.
    pub(crate) tasks: Vec<Task>,
}

/// One receive of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Receipt {
    pub(crate) life: usize,
    pub(crate) number: usize,
    pub(crate) arrivals: usize,
    pub(crate) receipt: u32,
}

#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) queues: [Option<Queue>; 3],
    deleted: [Option<Millis>; 3],
    lives: usize,
    numbers: usize,
}

type Outcome<T> = Result<T, Code>;

impl Queue {
    pub(crate) fn counts(&self) -> [usize; 3] {
        let count = |wanted: fn(&State) -> bool| self.messages.iter().filter(|message| wanted(&message.state)).count();
        [
            count(|state| matches!(state, State::Visible)),
            count(|state| matches!(state, State::InFlight { .. })),
            count(|state| matches!(state, State::Delayed { .. })),
        ]
    }

    fn in_flight_of(&self, group: Option<u8>) -> usize {
        let of_group = |message: &&Message| group.is_some() && message.group == group;
        self.messages.iter().filter(of_group).filter(|message| matches!(message.state, State::InFlight { .. })).count()
    }

    /// The place of the visible message whose turn it is, but for those that `except` names.
    fn first(&self, except: &[usize]) -> Option<usize> {
        let visible = |(place, message): &(usize, &Message)| message.state == State::Visible && !except.contains(place);
        let turn = |(place, message): &(usize, &Message)| {
            let zero_timeouts =
                except.iter().filter(|at| message.group.is_some() && self.messages[**at].group == message.group);
            (self.in_flight_of(message.group) + zero_timeouts.count(), *place)
        };
        self.messages.iter().enumerate().filter(visible).min_by_key(turn).map(|(place, _)| place)
    }

    fn advance(&mut self, now: Millis) {
        let retention = Millis::from(self.retention) * SECOND;
        self.messages.retain(|message| message.sent + retention > now);
        for message in &mut self.messages {
            if let State::InFlight { until } | State::Delayed { until } = message.state
                && until <= now
            {
                message.state = State::Visible;
            }
        }
    }
}

impl Model {
    pub(crate) fn queue(&mut self, queue: usize) -> Outcome<&mut Queue> {
        self.queues[queue].as_mut().ok_or(Code::NonExistentQueue)
    }

    /// When time alone changes something.
    pub(crate) fn next_due(&self) -> Option<Millis> {
        let of_queue = |queue: &Queue| {
            let retention = Millis::from(queue.retention) * SECOND;
            let messages = queue.messages.iter().flat_map(move |message| match message.state {
                State::Visible => [message.sent + retention; 2],
                State::InFlight { until } | State::Delayed { until } => [until, message.sent + retention],
            });
            let tasks = queue.tasks.iter().filter(|task| task.status == Status::Running);
            let tasks = tasks.map(|task| task.started + (task.moved * SECOND).div_ceil(rate(task)));
            messages.chain(tasks).min()
        };
        self.queues.iter().flatten().filter_map(of_queue).min()
    }

    pub(crate) fn advance(&mut self, now: Millis) {
        for queue in self.queues.iter_mut().flatten() {
            queue.advance(now);
        }
        while self.move_one(now) {}
    }

    /// Carries the move task of the dead-letter queue on by one message; whether there was anything to do.
    fn move_one(&mut self, now: Millis) -> bool {
        let Some(queue) = &mut self.queues[DLQ] else { return false };
        let first = queue.first(&[]);
        let Some(task) = queue.tasks.first_mut().filter(|task| task.status == Status::Running) else { return false };
        if task.moved > (now - task.started) * rate(task) / SECOND {
            return false;
        }
        let Some(first) = first else {
            task.status = Status::Completed;
            return false;
        };
        let destination = task
            .destination
            .or(queue.messages[first].source.filter(|source| *source != DLQ))
            .ok_or("CouldNotDetermineMessageSource");
        let destination = destination.and_then(|to| match self.queues[to] {
            Some(_) => Ok(to),
            None => Err("AWS.SimpleQueueService.NonExistentQueue"),
        });
        let queue = self.queues[DLQ].as_mut().unwrap();
        match destination {
            Ok(to) => {
                let mut message = queue.messages.remove(first);
                message.sendings += 1;
                message.arrivals += 1;
                (message.sent, message.source, message.first_received) = (now, None, None);
                (message.receives, message.receipts) = (0, 0);
                message.state = State::Visible;
                self.queues[to].as_mut().unwrap().messages.push(message);
                let queue = self.queues[DLQ].as_mut().unwrap();
                queue.tasks[0].moved += 1;
                if queue.first(&[]).is_none() {
                    queue.tasks[0].status = Status::Completed;
                }
            }
            Err(reason) => queue.tasks[0].status = Status::Failed(reason),
        }
        true
    }

    pub(crate) fn create(&mut self, now: Millis, queue: usize, visibility_timeout: Option<u32>) -> Outcome<()> {
        if let Some(there) = &self.queues[queue] {
            let same = visibility_timeout.is_none_or(|timeout| timeout == there.visibility_timeout);
            return if same { Ok(()) } else { Err(Code::QueueAlreadyExists) };
        }
        if self.deleted[queue].is_some_and(|at| now < at + 60 * SECOND) {
            return Err(Code::QueueDeletedRecently);
        }
        self.lives += 1;
        self.queues[queue] = Some(Queue {
            life: self.lives,
            delay: 0,
            visibility_timeout: visibility_timeout.unwrap_or(30),
            retention: 345_600,
            redrive: None,
            purged: None,
            messages: Vec::new(),
            tasks: Vec::new(),
        });
        Ok(())
    }

    pub(crate) fn delete_queue(&mut self, now: Millis, queue: usize) -> Outcome<()> {
        self.queue(queue)?;
        self.queues[queue] = None;
        self.deleted[queue] = Some(now);
        Ok(())
    }

    pub(crate) fn set_redrive(&mut self, queue: usize, redrive: Option<u32>) -> Outcome<()> {
        let there = self.queues[DLQ].is_some();
        let queue = self.queue(queue)?;
        if redrive.is_some() && !there {
            return Err(Code::InvalidParameterValue);
        }
        queue.redrive = redrive;
        Ok(())
    }

    pub(crate) fn purge(&mut self, now: Millis, queue: usize) -> Outcome<()> {
        let queue = self.queue(queue)?;
        if queue.purged.is_some_and(|at| now < at + 60 * SECOND) {
            return Err(Code::PurgeQueueInProgress);
        }
        queue.purged = Some(now);
        queue.messages.clear();
        Ok(())
    }

    /// The number of the message.
    pub(crate) fn send(&mut self, now: Millis, queue: usize, group: Option<u8>, delay: Option<u32>) -> Outcome<usize> {
        let number = self.numbers;
        let queue = self.queue(queue)?;
        let state = match delay.unwrap_or(queue.delay) {
            0 => State::Visible,
            seconds => State::Delayed { until: now + Millis::from(seconds) * SECOND },
        };
        let (first_received, last_received, receives, receipts, source) = (None, 0, 0, 0, None);
        let sent = now;
        queue.messages.push(Message {
            number,
            group,
            sent,
            first_received,
            last_received,
            receives,
            receipts,
            source,
            sendings: 0,
            arrivals: 0,
            state,
        });
        self.numbers += 1;
        Ok(number)
    }

    pub(crate) fn next_number(&self) -> usize {
        self.numbers
    }

    /// The messages as they are handed out.
    pub(crate) fn receive(
        &mut self,
        now: Millis,
        from: usize,
        most: usize,
        timeout: Option<u32>,
    ) -> Outcome<Vec<Message>> {
        let there = self.queues[DLQ].is_some();
        let queue = self.queue(from)?;
        let room = LIMIT.saturating_sub(queue.counts()[1]);
        if room == 0 {
            return Err(Code::OverLimit);
        }
        let until = now + Millis::from(timeout.unwrap_or(queue.visibility_timeout)) * SECOND;
        let (mut received, mut places, mut dead) = (Vec::new(), Vec::new(), Vec::new());
        while received.len() < most.min(room) {
            let visible_again = if until == now { &places[..] } else { &[] };
            let Some(place) = queue.first(visible_again) else { break };
            if there && queue.redrive.is_some_and(|limit| queue.messages[place].receipts >= limit) {
                dead.push(queue.messages.remove(place));
                places.iter_mut().filter(|at| **at > place).for_each(|at| *at -= 1);
                continue;
            }
            let message = &mut queue.messages[place];
            message.receives += 1;
            message.receipts += 1;
            message.last_received = now;
            message.first_received.get_or_insert(now);
            message.state = if until == now { State::Visible } else { State::InFlight { until } };
            received.push(message.clone());
            places.push(place);
        }
        for mut message in dead {
            (message.source, message.receipts) = (Some(from), 0);
            message.arrivals += 1;
            message.state = State::Visible;
            self.queue(DLQ)?.messages.push(message);
        }
        Ok(received)
    }

    /// The message that a receipt is about, whether or not the receipt is its latest one.
    fn place(&mut self, queue: usize, receipt: Receipt) -> Outcome<(&mut Queue, Option<usize>)> {
        let queue = self.queue(queue)?;
        if queue.life != receipt.life {
            return Err(Code::ReceiptHandleIsInvalid);
        }
        let same = |message: &Message| (message.number, message.arrivals) == (receipt.number, receipt.arrivals);
        let place = queue.messages.iter().position(same);
        Ok((queue, place))
    }

    pub(crate) fn delete(&mut self, queue: usize, receipt: Receipt) -> Outcome<()> {
        let (queue, place) = self.place(queue, receipt)?;
        if let Some(place) = place.filter(|place| queue.messages[*place].receipts == receipt.receipt) {
            queue.messages.remove(place);
        }
        Ok(())
    }

    pub(crate) fn change(&mut self, now: Millis, queue: usize, receipt: Receipt, timeout: u32) -> Outcome<()> {
        let (queue, place) = self.place(queue, receipt)?;
        let message = &mut queue.messages[place.ok_or(Code::InvalidParameterValue)?];
        if (now - message.last_received) / SECOND + Millis::from(timeout) > 43_200 {
            return Err(Code::InvalidParameterValue);
        }
        message.state = match timeout {
            0 => State::Visible,
            seconds => State::InFlight { until: now + Millis::from(seconds) * SECOND },
        };
        Ok(())
    }

    pub(crate) fn start_move(
        &mut self,
        now: Millis,
        destination: Option<usize>,
        per_second: Option<u32>,
    ) -> Outcome<()> {
        if self.queues[DLQ].is_none() {
            return Err(Code::ResourceNotFound);
        }
        if self.queues.iter().flatten().all(|queue| queue.redrive.is_none()) {
            return Err(Code::InvalidParameterValue);
        }
        if destination.is_some_and(|to| self.queues[to].is_none()) {
            return Err(Code::ResourceNotFound);
        }
        let queue = self.queue(DLQ)?;
        if queue.tasks.first().is_some_and(|task| task.status == Status::Running) {
            return Err(Code::InvalidParameterValue);
        }
        let to_move = queue.counts()[0] as u64;
        let (started, moved, status) = (now, 0, Status::Running);
        queue.tasks.insert(0, Task { destination, per_second, started, to_move, moved, status });
        queue.tasks.truncate(10);
        Ok(())
    }

    pub(crate) fn cancel_move(&mut self) -> Outcome<u64> {
        let queue = self.queue(DLQ).map_err(|_| Code::ResourceNotFound)?;
        let task = queue.tasks.first_mut().ok_or(Code::ResourceNotFound)?;
        if task.status != Status::Running {
            return Err(Code::InvalidParameterValue);
        }
        task.status = Status::Cancelled;
        Ok(task.moved)
    }
}

fn rate(task: &Task) -> u64 {
    task.per_second.unwrap_or(50_000).into()
}
