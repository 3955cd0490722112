//! The patient writer: writes whose rows somebody else has.
//!
//! A group does not wait for such a row, and does not even try while it is known to be locked: its write comes here, is run
//! alone, and waits for the row for a second or two. Then its caller hears that the row is locked, and tries again in its
//! own time. The first write that gets through tells the groups that the row is free.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::WriteError;
use crate::group_commit::{GROUP_TIMEOUT, MAX_GROUP, QUEUE, answer_all};
use crate::session::Session;
use crate::transaction::{GroupError, together};
use crate::write::Job;

/// How long a write is tried here before its caller hears that the row is locked.
const PATIENCE: Duration = Duration::from_millis(1500);
/// How long each of all that have gathered waits for its row, divided by their number: nobody waits long behind the others,
/// and each is tried twice.
const ROUND: Duration = Duration::from_millis(750);
/// Rows that are remembered as locked. Those that are forgotten are found locked once more.
const MAX_ROWS: usize = 1024;

/// Runs alone what would hold up others.
pub(crate) struct PatientWriter {
    session: Session,
    waiting: flume::Receiver<Box<dyn Job>>,
    rows: LockedRows,
}

/// The way to the [`PatientWriter`]; cheap to clone.
#[derive(Clone)]
pub(crate) struct Refer {
    jobs: flume::Sender<Box<dyn Job>>,
    rows: LockedRows,
}

impl Refer {
    /// Passes on a write whose row is known to be locked; gives back any other.
    pub(crate) fn if_locked(&self, job: Box<dyn Job>) -> Option<Box<dyn Job>> {
        if job.contended_row().is_some_and(|row| self.rows.contains(row)) {
            return self.jobs.try_send(job).err().map(flume::TrySendError::into_inner);
        }
        Some(job)
    }

    /// Passes on a write that has found its row locked.
    pub(crate) fn locked(&self, job: Box<dyn Job>, error: WriteError) {
        self.rows.add(job.contended_row());
        if let Err(full) = self.jobs.try_send(job) {
            full.into_inner().answer(Err(error));
        }
    }
}

impl PatientWriter {
    pub(crate) fn new(session: Session) -> (Self, Refer) {
        let (jobs, waiting) = flume::bounded(QUEUE);
        let rows = LockedRows::default();
        (Self { session, waiting, rows: rows.clone() }, Refer { jobs, rows })
    }

    /// Ends when the last [`Refer`] has gone.
    pub(crate) async fn run(mut self) {
        let mut held = VecDeque::new();
        loop {
            if held.is_empty() {
                let Ok(first) = self.waiting.recv_async().await else { break };
                held.push_back(Held::new(first));
            }
            held.extend(self.waiting.try_iter().take(MAX_GROUP.saturating_sub(held.len())).map(Held::new));
            let share = ROUND / u32::try_from(held.len()).unwrap_or(u32::MAX);
            let Some(Held { job, until }) = held.pop_front() else { continue };
            let mut alone = [job];
            let outcome = timeout(GROUP_TIMEOUT, together(&mut self.session, Some(share), &mut alone)).await;
            let outcome = outcome.unwrap_or(Err(GroupError::Transaction(WriteError::TimedOut)));
            let [job] = alone;
            match outcome {
                Err(GroupError::Transaction(error)) => {
                    // The others need not find out one after the other that the database is away.
                    answer_all(std::iter::once(job).chain(held.drain(..).map(|held| held.job)), error);
                }
                Err(GroupError::Write(error)) if error.is_locked() => {
                    self.rows.add(job.contended_row());
                    if Instant::now() < until {
                        held.push_back(Held { job, until });
                    } else {
                        job.answer(Err(error));
                    }
                }
                outcome => {
                    self.rows.remove(job.contended_row());
                    job.answer(outcome.map_err(GroupError::into_inner));
                }
            }
        }
        self.session.close().await;
    }
}

struct Held {
    job: Box<dyn Job>,
    until: Instant,
}

impl Held {
    fn new(job: Box<dyn Job>) -> Self {
        Self { job, until: Instant::now() + PATIENCE }
    }
}

/// Rows that somebody else has, as far as is known; cheap to clone.
#[derive(Clone, Default)]
struct LockedRows(Arc<Mutex<HashSet<String>>>);

impl LockedRows {
    fn contains(&self, row: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(row)
    }

    fn add(&self, row: Option<&str>) {
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if rows.len() >= MAX_ROWS {
            rows.clear();
        }
        rows.extend(row.map(str::to_owned));
    }

    fn remove(&self, row: Option<&str>) {
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        row.map(|row| rows.remove(row));
    }
}
