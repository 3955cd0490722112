//! Writers that commit what has gathered.
//!
//! A writer takes the first waiting write and all others that wait behind it (up to [`MAX_GROUP`]), runs them in one
//! transaction, commits, and answers each. While it commits, the next group gathers: no write ever waits for company.
//! Should one of a group fail, the transaction is rolled back and all are run again in another one, each behind a savepoint
//! of its own, so a write's failure stays its own. One that has failed because somebody else has its row goes to the
//! [patient writer](crate::patience), so that nobody waits with it. If the database itself is away, all of the group hear
//! of it at once.
//!
//! PostgreSQL has several writers. A group keeps the locks on its rows until its last write is done, so groups run their
//! writes in one order, by the row that others may want too: otherwise two of them could wait for each other.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use crate::metrics::Metrics;
use crate::patience::{PatientWriter, Refer};
use crate::session::Session;
use crate::transaction::{GroupError, Outcomes, one_by_one, together};
use crate::write::{Job, Pending, Write};
use crate::{DatabaseUrl, Engine, WriteError};

/// Enough for the flush to cost next to nothing per write, few enough that the first one is not kept waiting.
pub(crate) const MAX_GROUP: usize = 64;
/// Writes that may wait for a writer; beyond that, callers wait for a place.
pub(crate) const QUEUE: usize = 1024;
/// A group that takes longer, its second run included, has lost its connection.
pub(crate) const GROUP_TIMEOUT: Duration = Duration::from_secs(8);
/// How long a caller waits for its answer: for a writer, and for its group.
pub(crate) const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long each write of a group that is run again waits for a lock: together not much more than a second.
const SECOND_LOCK_TIMEOUT: Duration = Duration::from_millis(15);

/// None once the database is closed.
type JobQueue = Option<flume::Sender<Box<dyn Job>>>;

#[derive(Clone)]
pub(crate) struct Writers {
    jobs: Arc<Mutex<JobQueue>>,
    tasks: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Writers {
    pub(crate) fn start(url: &DatabaseUrl, writers: u32, metrics: Metrics) -> Self {
        let (jobs, waiting) = flume::bounded(QUEUE);
        let (patient, refer) = PatientWriter::new(Session::new(url.clone()));
        let mut tasks: Vec<_> = (0..writers)
            .map(|_| {
                let (engine, session) = (url.engine(), Session::new(url.clone()));
                let writer = Writer { engine, session, refer: refer.clone(), metrics: metrics.clone() };
                tokio::spawn(writer.run(waiting.clone()))
            })
            .collect();
        // Its work comes from the others, and ends with them.
        tasks.push(tokio::spawn(patient.run()));
        Self { jobs: Arc::new(Mutex::new(Some(jobs))), tasks: Arc::new(Mutex::new(tasks)) }
    }

    pub(crate) async fn write<W: Write>(&self, write: W) -> Result<W::Output, WriteError> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let due = Instant::now() + WRITE_TIMEOUT;
        let (job, answer) = Pending::new(write, due);
        let answered = timeout_at(due, async {
            jobs.ok_or(WriteError::Closed)?.send_async(Box::new(job)).await.map_err(|_| WriteError::Closed)?;
            answer.await.map_err(|_| WriteError::Closed)?
        });
        answered.await.unwrap_or(Err(WriteError::TimedOut))
    }

    pub(crate) async fn stop(&self) {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take();
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            if let Err(panic) = task.await {
                tracing::error!(error = %panic, "a database writer panicked");
            }
        }
    }
}

struct Writer {
    engine: Engine,
    session: Session,
    refer: Refer,
    metrics: Metrics,
}

impl Writer {
    async fn run(mut self, waiting: flume::Receiver<Box<dyn Job>>) {
        while let Ok(first) = waiting.recv_async().await {
            let gathered = std::iter::once(first).chain(waiting.try_iter().take(MAX_GROUP - 1));
            let wanted = gathered.filter_map(still_wanted).filter_map(|job| self.refer.if_locked(job));
            let (alone, mut group): (Vec<_>, Vec<_>) = wanted.partition(|job| job.alone());
            if self.engine == Engine::Postgres {
                // Last those that have none: what they lock is never waited for by a group that they wait for.
                group.sort_by_cached_key(|job| {
                    let row = job.contended_row();
                    (row.is_none(), row.map(str::to_owned))
                });
            }
            if !group.is_empty() {
                self.commit(group).await;
            }
            for job in alone {
                self.commit(vec![job]).await;
            }
        }
        self.session.close().await;
    }

    async fn commit(&mut self, mut group: Vec<Box<dyn Job>>) {
        let begun = Instant::now();
        let outcomes = timeout(GROUP_TIMEOUT, self.transact(&mut group)).await;
        self.metrics.committed(group.len(), begun.elapsed());
        match outcomes.unwrap_or(Err(GroupError::Transaction(WriteError::TimedOut))) {
            Ok(outcomes) => {
                for (job, outcome) in group.into_iter().zip(outcomes) {
                    match outcome {
                        Err(error) if error.is_locked() => self.refer.locked(job, error),
                        outcome => job.answer(outcome),
                    }
                }
            }
            Err(failed) => answer_all(group, failed.into_inner()),
        }
    }

    async fn transact(&mut self, group: &mut [Box<dyn Job>]) -> Result<Outcomes, GroupError> {
        match together(&mut self.session, None, group).await {
            Ok(()) => Ok(vec![Ok(()); group.len()]),
            Err(GroupError::Write(error)) if group.len() == 1 => Ok(vec![Err(error)]),
            Err(GroupError::Write(_)) => one_by_one(&mut self.session, SECOND_LOCK_TIMEOUT, group).await,
            Err(failed) => Err(failed),
        }
    }
}

/// A write that has waited for so long that its caller has been told of an outage is not run any more.
fn still_wanted(job: Box<dyn Job>) -> Option<Box<dyn Job>> {
    if job.due() > Instant::now() {
        return Some(job);
    }
    job.answer(Err(WriteError::TimedOut));
    None
}

pub(crate) fn answer_all(group: impl IntoIterator<Item = Box<dyn Job>>, error: WriteError) {
    for job in group {
        job.answer(Err(error.clone()));
    }
}
