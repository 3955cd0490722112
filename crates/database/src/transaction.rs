//! One transaction for a group of writes.

use std::time::Duration;

use sqlx::AnyConnection;

use crate::WriteError;
use crate::session::Session;
use crate::write::Job;

/// What became of each write of a group that has committed.
pub(crate) type Outcomes = Vec<Result<(), WriteError>>;

/// How a group failed as a whole; nothing of it has been written.
pub(crate) enum GroupError {
    /// One of its writes failed, the database is there: the others may well get through.
    Write(WriteError),
    /// The transaction failed, or the connection was lost. A commit under way may have happened.
    Transaction(WriteError),
}

impl From<WriteError> for GroupError {
    fn from(error: WriteError) -> Self {
        Self::Transaction(error)
    }
}

impl From<sqlx::Error> for GroupError {
    fn from(error: sqlx::Error) -> Self {
        Self::Transaction(error.into())
    }
}

impl GroupError {
    pub(crate) fn into_inner(self) -> WriteError {
        match self {
            Self::Write(error) | Self::Transaction(error) => error,
        }
    }
}

/// Runs `group` in one transaction and commits it, all or nothing.
pub(crate) async fn together(
    session: &mut Session,
    lock_timeout: Option<Duration>,
    group: &mut [Box<dyn Job>],
) -> Result<(), GroupError> {
    let mut connection = session.begin(lock_timeout).await?;
    for job in group {
        if let Err(error) = job.run(&mut connection).await {
            // What is not there to roll back any more was lost with the connection, or ended by SQLite on a full disk.
            if execute(&mut connection, "ROLLBACK").await.is_err() {
                return Err(GroupError::Transaction(error));
            }
            session.keep(connection);
            return Err(GroupError::Write(error));
        }
    }
    execute(&mut connection, "COMMIT").await?;
    session.keep(connection);
    Ok(())
}

/// Runs `group` in one transaction, each write behind a savepoint of its own, and commits those that did not fail.
///
/// It costs a round trip per write, so it is for a group of which one has failed.
pub(crate) async fn one_by_one(
    session: &mut Session,
    lock_timeout: Duration,
    group: &mut [Box<dyn Job>],
) -> Result<Outcomes, GroupError> {
    let mut connection = session.begin(Some(lock_timeout)).await?;
    let mut outcomes = Vec::with_capacity(group.len());
    for job in group {
        execute(&mut connection, "SAVEPOINT own").await?;
        let outcome = job.run(&mut connection).await;
        if let Err(error) = &outcome {
            let undone = execute(&mut connection, "ROLLBACK TO SAVEPOINT own").await;
            undone.map_err(|_| GroupError::Transaction(error.clone()))?;
        }
        execute(&mut connection, "RELEASE SAVEPOINT own").await?;
        outcomes.push(outcome);
    }
    execute(&mut connection, "COMMIT").await?;
    session.keep(connection);
    Ok(outcomes)
}

async fn execute(connection: &mut AnyConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(sql).execute(connection).await?;
    Ok(())
}
