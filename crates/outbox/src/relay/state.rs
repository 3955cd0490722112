//! What a relay knows, and what follows from it. It asks nothing: no clock, no queue, no database.

use std::time::Duration;

use tokio::time::Instant;

use crate::Claimed;
use sqs::backoff::Backoff;
use sqs::batch::MAX_ENTRIES;
use sqs::gathering::Gathering;

/// How long a batch call may take, all its tries included. A row with less than that left of its lease is not sent: another
/// relay may have it before the answer is there.
pub(super) const CALL: Duration = Duration::from_secs(6);
/// Batch calls under way at once.
const MAX_CALLS: usize = 8;
/// Rows that a claim takes, and it is not made while as many wait in memory already.
const CLAIM: usize = 10 * MAX_ENTRIES;
/// For a queue that is out of reach, and for rows whose end the database does not take.
const OUTAGE_BACKOFF: Backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(5));

/// Something that the whole relay depends on is out of reach.
#[derive(Debug)]
pub(super) struct Outage;

#[derive(Default)]
pub(super) struct State {
    /// The rows in memory, and the calls under way.
    rows: Gathering<Claimed>,
    table: Table,
    line: Line,
    stopping: bool,
}

/// What is known of the rows in the table whose lease is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Table {
    /// There were none left at the last look.
    Swept,
    /// There may be some.
    #[default]
    Due,
    /// They are being claimed; `again`: there may be more by now.
    Claiming { again: bool },
}

/// Whether calls get through.
#[derive(Clone, Copy, Debug, Default)]
enum Line {
    #[default]
    Up,
    /// So many have failed in a row; none before then.
    Down { failures: u32, until: Instant },
}

/// What to do next.
pub(super) enum Step {
    /// Send these in one call.
    Send(Vec<Claimed>),
    /// Claim so many rows.
    Claim(usize),
    /// Wait for something to happen, at the latest until then.
    Wait(Option<Instant>),
    /// Everything is done that could be done.
    End,
}

impl State {
    /// The next step. Which calls begin is [`Gathering`]'s rule; during an outage one at a time finds out whether it is over.
    pub(super) fn next(&mut self, now: Instant) -> Step {
        let most = match self.line {
            Line::Up => MAX_CALLS,
            Line::Down { until, .. } => usize::from(now >= until),
        };
        while let Some(mut batch) = self.rows.begin(most) {
            batch.retain(|row| is_ours(row, now));
            if !batch.is_empty() {
                return Step::Send(batch);
            }
            self.rows.ended();
        }
        let (waiting, is_down) = (self.rows.waiting(), matches!(self.line, Line::Down { .. }));
        let claim = match self.line {
            Line::Up if waiting < CLAIM => CLAIM,
            Line::Down { .. } if waiting == 0 && self.rows.under_way() < most => MAX_ENTRIES,
            _ => 0,
        };
        if self.table == Table::Due && claim > 0 {
            self.table = Table::Claiming { again: false };
            return Step::Claim(claim);
        }
        let nothing_left = self.table == Table::Swept && waiting == 0;
        if self.stopping && self.at_rest() && (nothing_left || is_down) {
            return Step::End;
        }
        match self.line {
            Line::Down { until, .. } if self.at_rest() && !nothing_left => Step::Wait(Some(until)),
            _ => Step::Wait(None),
        }
    }

    /// A row on which this relay has the lease.
    pub(super) fn push(&mut self, row: Claimed) {
        let bytes = row.message.bytes();
        self.rows.push(row, bytes);
    }

    /// There may be rows in the table whose lease is over.
    pub(super) fn table_due(&mut self) {
        self.table = match self.table {
            Table::Swept | Table::Due => Table::Due,
            Table::Claiming { .. } => Table::Claiming { again: true },
        };
    }

    /// Whether the next call is not full yet, and would begin at once.
    pub(super) fn may_gather_more(&self) -> bool {
        self.rows.under_way() == 0 && !self.rows.is_full()
    }

    /// Once a second: there may be something in the table, and what is nearly somebody else's is dropped.
    pub(super) fn sweep(&mut self, now: Instant) {
        self.table_due();
        self.rows.retain(|row| is_ours(row, now));
    }

    /// A claim of at most so many rows has found these.
    pub(super) fn claimed(&mut self, limit: usize, rows: Vec<Claimed>) {
        let more = rows.len() >= limit;
        rows.into_iter().for_each(|row| self.push(row));
        self.claim_ended(more);
    }

    /// The next sweep tries again.
    pub(super) fn claim_failed(&mut self) {
        self.claim_ended(false);
    }

    fn claim_ended(&mut self, more: bool) {
        let due = more || self.table == Table::Claiming { again: true };
        self.table = if due { Table::Due } else { Table::Swept };
    }

    /// A call that carries no rows has begun.
    pub(super) fn look_begun(&mut self) {
        self.rows.begin_other();
    }

    pub(super) fn call_ended(&mut self, outcome: Result<(), Outage>, now: Instant) {
        self.rows.ended();
        self.line = match (outcome, self.line) {
            (Ok(()), _) => Line::Up,
            (Err(Outage), line) => {
                let failures = if let Line::Down { failures, .. } = line { failures.saturating_add(1) } else { 1 };
                Line::Down { failures, until: now + OUTAGE_BACKOFF.wait(failures) }
            }
        };
    }

    /// From now on what is left is sent, and nothing is waited for.
    pub(super) fn stop(&mut self) {
        self.stopping = true;
        self.table_due();
    }

    /// Whether nothing waits and nothing is under way, and a call may begin.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        let may_call = !matches!(self.line, Line::Down { until, .. } if now < until);
        self.rows.waiting() == 0 && self.at_rest() && may_call
    }

    /// What is in memory and not under way.
    pub(super) fn into_rows(mut self) -> Vec<Claimed> {
        std::iter::from_fn(|| self.rows.take()).flatten().collect()
    }

    fn at_rest(&self) -> bool {
        self.rows.under_way() == 0 && !matches!(self.table, Table::Claiming { .. })
    }
}

/// Whether enough of its lease is left to send it.
fn is_ours(row: &Claimed, now: Instant) -> bool {
    row.deadline >= now + CALL
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
