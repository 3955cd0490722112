//! Sessions with the database, and how long each may be waited for.
//!
//! PostgreSQL keeps what a session has locked until its transaction ends, and takes a client that has frozen, or whose
//! machine is gone, to be there for hours. So each session says itself, at its start, how long it may be waited for:
//!
//! - A write waits [`LOCK_TIMEOUT`] for a row that somebody else has, and takes nobody with it if that was in vain.
//! - A set is one statement, whose locks end with it, within [`STATEMENT_TIMEOUT`]. Whatever freezes between two statements
//!   of a transaction (a migration; an earlier version) loses it, and its locks, after [`IDLE_IN_TRANSACTION_TIMEOUT`].
//!   So a row is held up for 9 s at most, less than the 15 s (half the visibility timeout) for which a claim leases it:
//!   a frozen worker's claim never outlasts the lease in the table.
//! - A client that has gone while its statement runs or waits is noticed within [`CLIENT_CHECK_INTERVAL`], one that has
//!   gone without a word within [`TCP_USER_TIMEOUT`] or, while nothing is sent, [`TCP_KEEPALIVES_IDLE`] later.
//! - On this side what is written together ends within [`GROUP_TIMEOUT`], a read within
//!   [`READ_TIMEOUT`](crate::reads::READ_TIMEOUT): later than the server's own limits, which tell more of what happened.

use std::io;
use std::time::Duration;

use sqlx::any::AnyConnectOptions;
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _};
use tokio::time::{Instant, timeout};

use crate::{Connection, DatabaseUrl, Engine};

/// How long a statement waits for a row or table that somebody else has locked. Sets of other instances keep theirs for
/// some milliseconds.
pub(crate) const LOCK_TIMEOUT: Duration = Duration::from_millis(250);
/// How long one statement may take. Each finds its rows by an index and takes a few milliseconds.
pub(crate) const STATEMENT_TIMEOUT: Duration = Duration::from_secs(4);
/// How long a transaction may stand still between two statements. A writer leaves no pause in it.
pub(crate) const IDLE_IN_TRANSACTION_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a server that runs a statement looks whether its client is still connected. PostgreSQL 14.
pub(crate) const CLIENT_CHECK_INTERVAL: Duration = Duration::from_secs(2);
/// How long a connection is silent before the server asks whether its client is still there,
pub(crate) const TCP_KEEPALIVES_IDLE: Duration = Duration::from_secs(10);
/// how often it asks again,
const TCP_KEEPALIVES_INTERVAL: Duration = Duration::from_secs(3);
/// and how many questions may stay without an answer.
const TCP_KEEPALIVES_COUNT: u32 = 3;
/// How long what the server has sent may stay without an acknowledgement.
pub(crate) const TCP_USER_TIMEOUT: Duration = Duration::from_secs(10);

/// What has been taken together and is not answered after so long, being run again included, has lost its connection.
pub(crate) const GROUP_TIMEOUT: Duration = Duration::from_secs(8);

/// How long a migration waits for a table that is in use; meanwhile whoever comes after it waits too.
pub(crate) const MIGRATION_LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// How long SQLite waits for another process that writes. Shorter than a group may take, so that the group hears of it.
const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long opening a connection may take before the database counts as out of reach.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a connection may have been idle without being asked whether it is still there,
const IDLE: Duration = Duration::from_secs(1);
/// and how long its answer may take.
const PING_TIMEOUT: Duration = Duration::from_secs(2);
/// How long saying goodbye may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A set's statement is planned once for a connection, however little is stored by then, and must do for a million rows: it
/// finds its rows by an index, in the index's order.
const PLANS: &str = "; SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_bitmapscan = off";

/// What a session is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Reads.
    Reading,
    /// A writer's.
    Writing,
    /// Bringing the schema up to date: an index on a large table takes its time.
    Migration,
}

/// Says at the start of a session how long it may be waited for.
pub(crate) async fn limit(connection: &mut AnyConnection, engine: Engine, purpose: Purpose) -> Result<(), sqlx::Error> {
    let settings = match engine {
        // FULL: a commit is on the disk before it is acknowledged. A 202 is a promise.
        Engine::Sqlite => format!(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = {}",
            SQLITE_BUSY_TIMEOUT.as_millis()
        ),
        Engine::Postgres => {
            let (lock, statement) = match purpose {
                Purpose::Reading | Purpose::Writing => (LOCK_TIMEOUT, STATEMENT_TIMEOUT),
                Purpose::Migration => (MIGRATION_LOCK_TIMEOUT, Duration::ZERO),
            };
            let limits = [
                ("lock_timeout", lock.as_millis()),
                ("statement_timeout", statement.as_millis()),
                ("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION_TIMEOUT.as_millis()),
                ("client_connection_check_interval", CLIENT_CHECK_INTERVAL.as_millis()),
                ("tcp_keepalives_idle", TCP_KEEPALIVES_IDLE.as_secs().into()),
                ("tcp_keepalives_interval", TCP_KEEPALIVES_INTERVAL.as_secs().into()),
                ("tcp_keepalives_count", TCP_KEEPALIVES_COUNT.into()),
                ("tcp_user_timeout", TCP_USER_TIMEOUT.as_millis()),
            ];
            let mut settings = limits.map(|(setting, value)| format!("SET {setting} = {value}")).join("; ");
            if purpose == Purpose::Writing {
                settings.push_str(PLANS);
            }
            settings
        }
    };
    sqlx::raw_sql(AssertSqlSafe(settings)).execute(connection).await?;
    Ok(())
}

/// Opens a connection with its limits set.
pub(crate) async fn connect(url: &DatabaseUrl, purpose: Purpose) -> Result<AnyConnection, sqlx::Error> {
    let options: AnyConnectOptions = url.connect_url().parse()?;
    let opened = timeout(CONNECT_TIMEOUT, async {
        let mut connection = AnyConnection::connect_with(&options).await?;
        limit(&mut connection, url.engine(), purpose).await?;
        Ok(connection)
    });
    opened.await.unwrap_or_else(|_| Err(timed_out("no connection", CONNECT_TIMEOUT)))
}

/// The error for what this side has stopped waiting for.
pub(crate) fn timed_out(what: &str, limit: Duration) -> sqlx::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("{what} within {} s", limit.as_secs())).into()
}

/// Its own connection, opened when a writer wants it and again after it was lost.
pub(crate) struct Session {
    url: DatabaseUrl,
    kept: Option<(Connection, Instant)>,
}

impl Session {
    pub(crate) fn new(url: DatabaseUrl) -> Self {
        Self { url, kept: None }
    }

    /// Takes the connection out; one that is not [kept](Self::keep) afterwards is closed by being dropped.
    pub(crate) async fn take(&mut self) -> Result<Connection, sqlx::Error> {
        if let Some((mut connection, since)) = self.kept.take() {
            // Whether it has been lost while it was idle, only using it can tell. A file is not lost.
            if self.url.engine() == Engine::Sqlite || since.elapsed() < IDLE {
                return Ok(connection);
            }
            match timeout(PING_TIMEOUT, connection.execute("SELECT 1")).await {
                Ok(Ok(())) => return Ok(connection),
                lost => tracing::debug!(?lost, "connecting to the database again"),
            }
        }
        let connection = connect(&self.url, Purpose::Writing).await?;
        Ok(Connection::new(self.url.engine(), connection, LOCK_TIMEOUT))
    }

    /// Takes the connection back.
    pub(crate) fn keep(&mut self, connection: Connection) {
        self.kept = Some((connection, Instant::now()));
    }

    pub(crate) async fn close(self) {
        if let Some((connection, _)) = self.kept {
            // A database that does not answer ends the session by itself.
            let _ = timeout(CLOSE_TIMEOUT, connection.into_any().close()).await;
        }
    }
}
