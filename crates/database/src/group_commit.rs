//! Writers that commit what has gathered.
//!
//! A writer takes the first waiting write and all others that wait behind it (up to [`MAX_GROUP`]), runs them in one
//! transaction, commits, and answers each. While it commits, the next group gathers: no write ever waits for company.
//! Should one of a group fail, the transaction is rolled back and each is run again in a transaction of its own, so a
//! write's failure stays its own.
//!
//! PostgreSQL has several writers. A group keeps the locks on its rows until its last write is done, so groups run their
//! writes in one order, by the row that others may want too: otherwise two of them could wait for each other.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::{Engine, WriteError};

/// Enough for the flush to cost next to nothing per write, few enough that the first one is not kept waiting.
const MAX_GROUP: usize = 64;
/// Writes that may wait for a writer; beyond that, callers wait for a place.
const QUEUE: usize = 1024;
/// A group that takes longer has lost its connection or its lock.
pub(crate) const GROUP_TIMEOUT: Duration = Duration::from_secs(10);

/// A change to the database, run inside a transaction.
///
/// It may run more than once before it commits, so it must change nothing but the database.
pub trait Write: Send + Sync + 'static {
    /// What the caller gets after the commit.
    type Output: Send;

    /// The row that other writes may want at the same time, by a name that all of them use; none: nobody waits for what
    /// this write locks.
    fn contended_row(&self) -> Option<String> {
        None
    }

    /// Makes the change. An error undoes the whole write.
    fn run(&self, transaction: &mut AnyConnection) -> impl Future<Output = Result<Self::Output, sqlx::Error>> + Send;
}

/// A write with the way back to its caller, its type forgotten.
trait Job: Send {
    fn contended_row(&self) -> Option<String>;
    fn run<'a>(&'a mut self, transaction: &'a mut AnyConnection) -> BoxFuture<'a, Result<(), WriteError>>;
    fn answer(self: Box<Self>, result: Result<(), WriteError>);
}

struct Pending<W: Write> {
    write: W,
    output: Option<W::Output>,
    caller: oneshot::Sender<Result<W::Output, WriteError>>,
}

impl<W: Write> Job for Pending<W> {
    fn contended_row(&self) -> Option<String> {
        self.write.contended_row()
    }

    fn run<'a>(&'a mut self, transaction: &'a mut AnyConnection) -> BoxFuture<'a, Result<(), WriteError>> {
        Box::pin(async move {
            // A panic is to fail this write, not to end the writer that all others wait for.
            let run = AssertUnwindSafe(self.write.run(transaction)).catch_unwind();
            self.output = Some(run.await.map_err(|_| WriteError::Panicked)??);
            Ok(())
        })
    }

    fn answer(self: Box<Self>, result: Result<(), WriteError>) {
        let Self { output, caller, .. } = *self;
        // A caller that has gone away does not undo its write.
        let _ = caller.send(result.and_then(|()| output.ok_or(WriteError::Closed)));
    }
}

/// None once the database is closed.
type JobQueue = Option<flume::Sender<Box<dyn Job>>>;

#[derive(Clone)]
pub(crate) struct Writers {
    pool: AnyPool,
    jobs: Arc<Mutex<JobQueue>>,
    tasks: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Writers {
    pub(crate) fn start(pool: AnyPool, engine: Engine, writers: u32) -> Self {
        let (jobs, waiting) = flume::bounded(QUEUE);
        let tasks = (0..writers)
            .map(|_| {
                let writer = Writer { pool: pool.clone(), engine };
                tokio::spawn(writer.run(waiting.clone()))
            })
            .collect();
        Self { pool, jobs: Arc::new(Mutex::new(Some(jobs))), tasks: Arc::new(Mutex::new(tasks)) }
    }

    pub(crate) async fn write<W: Write>(&self, write: W) -> Result<W::Output, WriteError> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (caller, answer) = oneshot::channel();
        let job = Pending { write, output: None, caller };
        jobs.ok_or(WriteError::Closed)?.send_async(Box::new(job)).await.map_err(|_| WriteError::Closed)?;
        answer.await.map_err(|_| WriteError::Closed)?
    }

    pub(crate) async fn stop(&self) {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take();
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        if tasks.is_empty() {
            return; // It has been closed, or is being closed, already.
        }
        for task in tasks {
            if let Err(panic) = task.await {
                tracing::error!(error = %panic, "a database writer panicked");
            }
        }
        // Not before the last writer is done: what it has taken still needs a connection.
        self.pool.close().await;
    }
}

struct Writer {
    pool: AnyPool,
    engine: Engine,
}

/// How a group failed: as a whole, or through one of its writes.
enum GroupError {
    Transaction(WriteError),
    Write(WriteError),
}

impl GroupError {
    fn transaction(error: sqlx::Error) -> Self {
        Self::Transaction(error.into())
    }
}

impl Writer {
    async fn run(self, waiting: flume::Receiver<Box<dyn Job>>) {
        while let Ok(first) = waiting.recv_async().await {
            let mut group = vec![first];
            group.extend(waiting.try_iter().take(MAX_GROUP - 1));
            if self.engine == Engine::Postgres {
                // Last those that have none: what they lock is never waited for by a group that they wait for.
                group.sort_by_cached_key(|job| {
                    let row = job.contended_row();
                    (row.is_none(), row)
                });
            }
            self.commit(group).await;
        }
    }

    async fn commit(&self, mut group: Vec<Box<dyn Job>>) {
        match self.transact(&mut group).await {
            Ok(()) => answer_all(group, Ok(())),
            Err(GroupError::Transaction(error)) => answer_all(group, Err(error)),
            Err(GroupError::Write(error)) if group.len() == 1 => {
                answer_all(group, Err(error));
            }
            Err(GroupError::Write(_)) => {
                for job in group {
                    let mut alone = [job];
                    let result = self.transact(&mut alone).await;
                    let [job] = alone;
                    job.answer(result.map_err(|error| match error {
                        GroupError::Transaction(error) | GroupError::Write(error) => error,
                    }));
                }
            }
        }
    }

    async fn transact(&self, group: &mut [Box<dyn Job>]) -> Result<(), GroupError> {
        let mut connection = self.pool.acquire().await.map_err(|error| GroupError::Transaction(error.into()))?;
        let outcome = tokio::time::timeout(GROUP_TIMEOUT, self.transact_on(&mut connection, group)).await;
        outcome.unwrap_or_else(|_| {
            // Whatever that connection was waiting for, nobody is to wait behind it.
            connection.close_on_drop();
            Err(GroupError::Transaction(WriteError::TimedOut))
        })
    }

    /// Not sqlx's `Transaction`: when the disk is full, SQLite ends a transaction by itself. sqlx would go on counting it
    /// as open, and refuse every further one on that connection.
    async fn transact_on(
        &self,
        connection: &mut PoolConnection<Any>,
        group: &mut [Box<dyn Job>],
    ) -> Result<(), GroupError> {
        // A deferred SQLite transaction that turns into a writing one fails at once when another process writes;
        // an immediate one waits its turn.
        let begin = match self.engine {
            Engine::Sqlite => "BEGIN IMMEDIATE",
            Engine::Postgres => "BEGIN",
        };
        let outcome = async {
            sqlx::raw_sql(begin).execute(&mut **connection).await.map_err(GroupError::transaction)?;
            for job in group {
                job.run(connection).await.map_err(GroupError::Write)?;
            }
            sqlx::raw_sql("COMMIT").execute(&mut **connection).await.map_err(GroupError::transaction)?;
            Ok(())
        }
        .await;
        if outcome.is_err() {
            let rolled_back = sqlx::raw_sql("ROLLBACK").execute(&mut **connection).await;
            // SQLite refuses it if there is nothing left to roll back; PostgreSQL only if the connection is broken.
            if rolled_back.is_err() && self.engine == Engine::Postgres {
                connection.close_on_drop();
            }
        }
        outcome
    }
}

fn answer_all(group: Vec<Box<dyn Job>>, result: Result<(), WriteError>) {
    for job in group {
        job.answer(result.clone());
    }
}
