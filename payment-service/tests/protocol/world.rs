//! Everything that can happen to one order.

use crate::model::{
    Ask, Claimed, Provider, Row, RowState, Status, Told, Worker, claim_cancellation, claim_charge, conclude, renew,
    settle,
};

/// What keeps the protocol right; each can be taken out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// A conclusion is written only by the newest attempt.
    pub(crate) fence: bool,
    /// A cancellation that comes before the order leaves a row.
    pub(crate) mark: bool,
    /// The provider gets the same key with every charge of the order,
    pub(crate) charge_key: bool,
    /// and with every refund.
    pub(crate) refund_key: bool,
}

impl Rules {
    pub(crate) const ALL: Self = Self { fence: true, mark: true, charge_key: true, refund_key: true };
}

/// One state of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) row: Option<Row>,
    pub(crate) workers: [Worker; 4],
    pub(crate) provider: Provider,
    /// Which results have been told, each of which may be delivered from then on.
    pub(crate) told: [bool; 4],
    pub(crate) status: Status,
    /// A result that its order contradicts has been dead-lettered.
    pub(crate) contradiction: bool,
}

/// One step. Those of a worker say which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The client takes the order back.
    Cancel,
    /// A worker receives `order.created`.
    Created(usize),
    /// A worker receives `order.cancelled`.
    Cancelled(usize),
    /// The provider does what the worker asks for; for a first charge, it is accepted or declined.
    Ask(usize, bool),
    /// The provider does it, and the answer is lost: the worker lets go of its claim, and will try again.
    AnswerLost(usize, bool),
    /// The worker, which still waits for the answer, renews its lease; it gives up if somebody else has the row.
    Renew(usize),
    /// The worker writes its conclusion.
    Conclude(usize),
    /// The worker dies.
    Die(usize),
    /// The lease ends by itself.
    LeaseEnds,
    /// The order service receives a result.
    Result(Told),
}

impl Step {
    /// Whether something goes wrong in it, or somebody outside wants it. Everything else may happen by itself.
    pub(crate) fn is_fault(self) -> bool {
        matches!(self, Self::Cancel | Self::AnswerLost(..) | Self::Die(_))
    }
}

const ALL_TOLD: [Told; 4] = [Told::Succeeded, Told::Declined, Told::Cancelled, Told::Refunded];

impl World {
    pub(crate) fn new() -> Self {
        Self {
            row: None,
            workers: [Worker::Idle; 4],
            provider: Provider::default(),
            told: [false; 4],
            status: Status::Pending,
            contradiction: false,
        }
    }

    /// All that can happen next.
    pub(crate) fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        if matches!(self.status, Status::Pending | Status::Paid) {
            steps.push(Step::Cancel);
        }
        let cancelled = matches!(self.status, Status::Cancelling | Status::Cancelled | Status::Refunded);
        for (index, worker) in self.workers.iter().enumerate() {
            match worker {
                Worker::Idle => {
                    steps.push(Step::Created(index));
                    steps.extend(cancelled.then_some(Step::Cancelled(index)));
                }
                Worker::At { ask, answer, .. } => {
                    let open = *ask == Ask::Charge && self.provider.decision.is_none() && !self.provider.voided;
                    let answers: &[bool] = if open { &[true, false] } else { &[true] };
                    match answer {
                        Some(_) => steps.push(Step::Conclude(index)),
                        None => {
                            steps.extend(answers.iter().map(|&would| Step::Ask(index, would)));
                            steps.extend(answers.iter().map(|&would| Step::AnswerLost(index, would)));
                            steps.push(Step::Renew(index));
                        }
                    }
                    steps.push(Step::Die(index));
                }
            }
        }
        steps.extend(self.row.filter(|row| row.leased).map(|_| Step::LeaseEnds));
        steps.extend(ALL_TOLD.into_iter().filter(|told| self.told[*told as usize]).map(Step::Result));
        steps
    }

    /// The world after a step.
    pub(crate) fn after(&self, step: Step, rules: Rules) -> Self {
        let mut next = *self;
        match step {
            Step::Cancel => next.status = Status::Cancelling,
            Step::Created(index) => {
                let claimed = claim_charge(&mut next.row);
                next.claimed(index, Ask::Charge, claimed);
            }
            Step::Cancelled(index) => {
                let claimed = claim_cancellation(&mut next.row, rules.mark);
                next.claimed(index, Ask::Refund, claimed);
            }
            Step::Ask(index, would) => {
                let done = next.ask(index, would, rules);
                if let Worker::At { answer, .. } = &mut next.workers[index] {
                    *answer = Some(done);
                }
            }
            Step::AnswerLost(index, would) => {
                next.ask(index, would, rules);
                if next.is_newest(index) {
                    next.row.iter_mut().for_each(|row| row.leased = false);
                }
                next.workers[index] = Worker::Idle;
            }
            Step::Renew(index) => {
                let newest = next.is_newest(index);
                if !renew(&mut next.row, newest) {
                    next.workers[index] = Worker::Idle;
                }
            }
            Step::Conclude(index) => {
                let may_write = next.is_newest(index) || !rules.fence;
                if let Worker::At { ask, answer: Some(done), .. } = next.workers[index]
                    && let Some(told) = conclude(&mut next.row, ask, done, may_write)
                {
                    next.told[told as usize] = true;
                }
                next.workers[index] = Worker::Idle;
            }
            Step::Die(index) => next.workers[index] = Worker::Idle,
            Step::LeaseEnds => next.row.iter_mut().for_each(|row| row.leased = false),
            Step::Result(told) => match settle(next.status, told) {
                Some(status) => next.status = status,
                None => next.contradiction = true,
            },
        }
        next
    }

    fn claimed(&mut self, index: usize, ask: Ask, claimed: Claimed) {
        match claimed {
            Claimed::Won => {
                for worker in &mut self.workers {
                    if let Worker::At { newest, .. } = worker {
                        *newest = false;
                    }
                }
                self.workers[index] = Worker::At { ask, newest: true, answer: None };
            }
            Claimed::Ended(told) => self.told[told as usize] = true,
            Claimed::Busy | Claimed::Overtaken => {}
        }
    }

    fn ask(&mut self, index: usize, would: bool, rules: Rules) -> bool {
        match self.workers[index] {
            Worker::At { ask: Ask::Charge, .. } => self.provider.charge(would, rules.charge_key),
            Worker::At { ask: Ask::Refund, .. } => self.provider.refund(rules.refund_key),
            Worker::Idle => false,
        }
    }

    pub(crate) fn is_newest(&self, index: usize) -> bool {
        matches!(self.workers[index], Worker::At { newest: true, .. })
    }

    /// What must never be, if it is so.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        let Provider { charges, refunds, voided, .. } = self.provider;
        let row = self.row.map(|row| row.state);
        let faults = [
            (charges > 1, "charged twice"),
            (refunds > 1, "refunded twice"),
            (voided && charges > 0, "charged although voided"),
            (self.contradiction, "a result contradicts the order"),
            (self.status == Status::Paid && charges == 0, "PAID, and nothing was charged"),
            (self.status == Status::Declined && charges > 0, "DECLINED, and it was charged"),
            (self.status == Status::Cancelled && charges > 0, "CANCELLED, and it was charged"),
            (self.status == Status::Refunded && (charges, refunds) != (1, 1), "REFUNDED, and what was charged was not"),
            (
                row == Some(RowState::Succeeded) && charges - refunds != 1,
                "the ledger says charged, the provider does not",
            ),
            (row == Some(RowState::Declined) && charges > 0, "the ledger says declined, the provider charged"),
            (row == Some(RowState::Cancelled) && charges > 0, "the ledger says cancelled, the provider charged"),
            (row == Some(RowState::Refunded) && refunds == 0, "the ledger says refunded, the provider did not"),
        ];
        faults.into_iter().find(|(is_so, _)| *is_so).map(|(_, what)| what)
    }

    /// Whether the order has come to the end that its client wants: a cancelled one is no longer under way.
    pub(crate) fn has_ended(&self) -> bool {
        !matches!(self.status, Status::Pending | Status::Cancelling)
    }
}
