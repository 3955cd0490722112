//! Why a write did not happen, and whose fault that is.

use std::sync::Arc;
use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::postgres::PgDatabaseError;
use sqlx::sqlite::SqliteError;

/// How long a caller waits for its answer: for a writer, and for its set.
pub(crate) const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a write did not happen, or is not known to have happened.
///
/// It is one of three things: a row that somebody else has ([`is_locked`](Self::is_locked)), a database that is away
/// ([`is_outage`](Self::is_outage)), or neither: the write itself is at fault, and will fail again however often it is
/// tried.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WriteError {
    /// The database refused it or could not be reached.
    #[error("the database did not take the write: {0}")]
    Database(Arc<sqlx::Error>),
    /// No answer in time; a commit under way may still have happened.
    #[error("the database did not answer within {} s", WRITE_TIMEOUT.as_secs())]
    TimedOut,
    /// A bug in the write.
    #[error("the write panicked")]
    Panicked,
    /// The database has been closed.
    #[error("the database is closed")]
    Closed,
}

impl WriteError {
    /// Whether somebody else has a row that this write wants: it was waited for, the lock was not given up, and nothing
    /// was written. To be tried again in a moment; other writes get through meanwhile.
    ///
    /// Never on SQLite: there a lock is on the whole database, and who waits in vain for that has met an outage.
    pub fn is_locked(&self) -> bool {
        self.fault() == Fault::Locked
    }

    /// Whether the database is away: out of reach, starting, stopping, failing over, full, out of connections, closed, or
    /// too slow to answer. To be tried again until it is back; the write may have been committed all the same.
    ///
    /// What is not known to be the write's own fault is an outage.
    pub fn is_outage(&self) -> bool {
        self.fault() == Fault::Outage
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Database(error) => fault_of(error),
            Self::TimedOut | Self::Closed => Fault::Outage,
            Self::Panicked => Fault::Own,
        }
    }
}

impl From<sqlx::Error> for WriteError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(Arc::new(error))
    }
}

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Locked,
    Outage,
    /// The statement's or the data's own.
    Own,
}

pub(crate) fn fault_of(error: &sqlx::Error) -> Fault {
    use sqlx::Error::*;
    match error {
        Database(error) => fault_told_by(&**error),
        InvalidArgument(_) | Encode(_) | Decode(_) | ColumnDecode { .. } | AnyDriverError(_) => Fault::Own,
        RowNotFound | TypeNotFound { .. } | ColumnNotFound(_) | ColumnIndexOutOfBounds { .. } => Fault::Own,
        _ => Fault::Outage,
    }
}

fn fault_told_by(error: &dyn DatabaseError) -> Fault {
    if let Some(error) = error.try_downcast_ref::<PgDatabaseError>() {
        return fault_of_sqlstate(error.code());
    }
    let code = error.try_downcast_ref::<SqliteError>().and_then(|error| error.code()?.parse().ok());
    code.map_or(Fault::Outage, fault_of_sqlite)
}

/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn fault_of_sqlstate(code: &str) -> Fault {
    match code {
        // lock_not_available, deadlock_detected, serialization_failure.
        "55P03" | "40P01" | "40001" => Fault::Locked,
        // Rights or a table are missing: whoever runs the database is to mend that, and it hits every write.
        "42501" | "42P01" => Fault::Outage,
        // Cardinality, data, constraints, syntax and types, a view's check, a trigger's own word, too large.
        _ if ["21", "22", "23", "42", "44", "P0", "54"].iter().any(|class| code.starts_with(class)) => Fault::Own,
        _ => Fault::Outage,
    }
}

/// <https://www.sqlite.org/rescode.html>: the lowest byte of an extended code is the primary one.
fn fault_of_sqlite(code: u32) -> Fault {
    const ERROR: u32 = 1;
    const TOOBIG: u32 = 18;
    const CONSTRAINT: u32 = 19;
    const MISMATCH: u32 = 20;
    const RANGE: u32 = 25;
    match code & 0xff {
        ERROR | TOOBIG | CONSTRAINT | MISMATCH | RANGE => Fault::Own,
        _ => Fault::Outage,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_somebody_else_has_is_locked() {
        for code in ["55P03", "40P01", "40001"] {
            assert_eq!(fault_of_sqlstate(code), Fault::Locked, "{code}");
        }
    }

    #[test]
    fn what_the_data_or_the_statement_is_to_blame_for_is_its_own_fault() {
        for code in ["22001", "22P02", "23505", "23514", "42601", "42804", "54000", "P0001"] {
            assert_eq!(fault_of_sqlstate(code), Fault::Own, "{code}");
        }
        // SQLITE_ERROR, SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE, SQLITE_MISMATCH.
        for code in [1, 1555, 2067, 20] {
            assert_eq!(fault_of_sqlite(code), Fault::Own, "{code}");
        }
        assert_eq!(fault_of(&sqlx::Error::RowNotFound), Fault::Own);
    }

    #[test]
    fn everything_else_is_an_outage_the_unknown_included() {
        let stopping = ["57P01", "57P02", "57P03", "57014", "25P03", "08006", "08P01"];
        let at_the_limit = ["53100", "53200", "53300", "25006", "58030", "XX000"];
        for code in stopping.into_iter().chain(at_the_limit).chain(["42501", "42P01", "0A000", "99999", ""]) {
            assert_eq!(fault_of_sqlstate(code), Fault::Outage, "{code}");
        }
        // SQLITE_BUSY, SQLITE_BUSY_SNAPSHOT, SQLITE_LOCKED, SQLITE_IOERR_WRITE, SQLITE_FULL, SQLITE_READONLY, unknown.
        for code in [5, 517, 6, 778, 13, 8, 250] {
            assert_eq!(fault_of_sqlite(code), Fault::Outage, "{code}");
        }
        for error in [sqlx::Error::PoolTimedOut, sqlx::Error::PoolClosed, sqlx::Error::WorkerCrashed] {
            assert_eq!(fault_of(&error), Fault::Outage, "{error}");
        }
        assert!(WriteError::TimedOut.is_outage() && WriteError::Closed.is_outage());
        assert!(!WriteError::Panicked.is_outage() && !WriteError::Panicked.is_locked());
    }
}
