//! A writer: whatever has gathered for it while it was at work, it writes next. No write ever waits for company.
//!
//! - On PostgreSQL each set is a statement of its own, in autocommit: one round trip, and no transaction stands open between
//!   two of them.
//! - On SQLite all sets that have gathered share a transaction, and with it the flush to disk.
//!
//! A set that fails is halved until the write that is to blame is alone: its failure stays its own. One that has failed
//! because somebody else has its row goes to the [patient writer](crate::patience), so that nobody waits with it. If the
//! database itself is away, all that was taken and is not committed yet hear of it at once.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::inbox::Inbox;
use crate::metrics::Metrics;
use crate::patience::Patience;
use crate::session::{GROUP_TIMEOUT, LOCK_TIMEOUT, Session};
use crate::set::AnySet;
use crate::{Connection, Engine, WriteError};

/// How long each part of a set that has met a lock waits for it: together not much more than a second, if it is some rows
/// that are locked and not the table.
const SECOND_LOCK_TIMEOUT: Duration = Duration::from_millis(15);

pub(crate) struct Writer {
    pub(crate) engine: Engine,
    pub(crate) session: Session,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) patience: Patience,
    pub(crate) metrics: Metrics,
}

/// Sets that have been taken together.
struct Group {
    begun: Instant,
    waiting: VecDeque<Box<dyn AnySet>>,
    /// Run, and not committed yet.
    run: Vec<Box<dyn AnySet>>,
}

impl Group {
    fn of(waiting: VecDeque<Box<dyn AnySet>>) -> Self {
        Self { begun: Instant::now(), waiting, run: Vec::new() }
    }
}

impl Writer {
    /// Ends when the inbox is closed and empty.
    pub(crate) async fn run(mut self) {
        while let Some(sets) = self.inbox.take().await {
            let (alone, together): (Vec<_>, Vec<_>) = sets.into_iter().partition(|set| set.alone());
            self.write(Group::of(together.into())).await;
            for set in alone {
                self.write(Group::of([set].into())).await;
            }
        }
        self.session.close().await;
    }

    async fn write(&mut self, mut group: Group) {
        if group.waiting.is_empty() {
            return;
        }
        let written = timeout(GROUP_TIMEOUT, self.connect_and_write(&mut group)).await;
        if let Err(error) = written.unwrap_or(Err(WriteError::TimedOut)) {
            group.waiting.into_iter().chain(group.run).for_each(|set| set.failed(error.clone()));
        }
    }

    async fn connect_and_write(&mut self, group: &mut Group) -> Result<(), WriteError> {
        // Dropped, and so closed, unless it is kept.
        let mut connection = self.session.take().await?;
        let written = match self.engine {
            Engine::Postgres => self.one_by_one(group, &mut connection).await,
            Engine::Sqlite => self.transact(group, &mut connection).await,
        };
        if written.is_ok() || self.engine == Engine::Sqlite {
            self.session.keep(connection);
        }
        written
    }

    /// One transaction for all of the group; should one of its sets fail, another one in which the failure is found.
    async fn transact(&mut self, group: &mut Group, connection: &mut Connection) -> Result<(), WriteError> {
        // A deferred transaction that turns into a writing one fails at once when another process writes; an immediate one
        // waits its turn.
        connection.execute("BEGIN IMMEDIATE").await?;
        for set in &mut group.waiting {
            if let Err(error) = set.run(connection).await {
                // What is not there to roll back any more was ended by SQLite, on a full disk for example.
                connection.execute("ROLLBACK").await.map_err(|_| error)?;
                connection.execute("BEGIN IMMEDIATE").await?;
                let run = self.one_by_one(group, connection).await;
                return self.commit(run, group, connection).await;
            }
        }
        group.run.extend(group.waiting.drain(..));
        self.commit(Ok(()), group, connection).await
    }

    async fn commit(
        &mut self,
        run: Result<(), WriteError>,
        group: &mut Group,
        connection: &mut Connection,
    ) -> Result<(), WriteError> {
        let committed = match run {
            Ok(()) => connection.execute("COMMIT").await.map_err(WriteError::from),
            Err(error) => Err(error),
        };
        if committed.is_err() {
            // The connection is kept, and must not be left in a transaction; if there is none any more, all the better.
            let _ = connection.execute("ROLLBACK").await;
            return committed;
        }
        self.metrics.committed(group.run.iter().map(|set| set.len()).sum(), group.begun.elapsed());
        group.run.drain(..).for_each(AnySet::committed);
        Ok(())
    }

    /// Runs the group's sets one after the other, each behind a savepoint if there is a transaction; halves one that fails.
    async fn one_by_one(&mut self, group: &mut Group, connection: &mut Connection) -> Result<(), WriteError> {
        let in_transaction = self.engine == Engine::Sqlite;
        // Parts of a set that has met a lock, at the front of those that wait.
        let mut parts = 0_usize;
        // A set that is being run stays with the group: should this be given up, its callers hear of it.
        while let Some(running) = group.waiting.front_mut() {
            let is_part = parts > 0;
            connection.wait_for_locks(if is_part { SECOND_LOCK_TIMEOUT } else { LOCK_TIMEOUT }).await?;
            parts = parts.saturating_sub(1);
            if in_transaction {
                connection.execute("SAVEPOINT own").await?;
            }
            let begun = Instant::now();
            let outcome = running.run(connection).await;
            if outcome.as_ref().is_err_and(WriteError::is_outage) {
                return outcome;
            }
            if in_transaction && outcome.is_err() {
                connection.execute("ROLLBACK TO own").await?;
            }
            let Some(mut set) = group.waiting.pop_front() else { break };
            match outcome {
                Ok(()) if in_transaction => group.run.push(set),
                Ok(()) => {
                    self.metrics.committed(set.len(), begun.elapsed());
                    set.committed();
                }
                Err(error) => {
                    if set.len() > 1 {
                        if is_part || error.is_locked() {
                            parts += 2;
                        }
                        let second = set.split();
                        group.waiting.push_front(second);
                        group.waiting.push_front(set);
                    } else if error.is_locked() {
                        self.patience.refer(set, error);
                    } else {
                        set.failed(error);
                    }
                }
            }
            if in_transaction {
                connection.execute("RELEASE own").await?;
            }
        }
        Ok(())
    }
}
