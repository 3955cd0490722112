//! SQLite and PostgreSQL, and writes that are made in sets.
//!
//! - [`Database::reads`] is a connection pool in which no read is without an end.
//! - [`Database::write`] hands a [`Write`] to a writer, which makes all of its type that have gathered by one statement and
//!   answers each after the commit. What a write costs is its statement's way and the commit's flush to disk: a set shares
//!   both.
//!
//! A set is one JSON parameter, on both engines ([`Statement`]). Arrays (`unnest`) would take a driver of PostgreSQL's
//! own, and each write a second way to be run. JSON has no estimate of its rows: the writers' sessions say how a set's
//! statement is to be planned.
//!
//! The statements go through sqlx's `Any` driver, so they keep to what both engines know: `TEXT`, `BIGINT` and `INTEGER`
//! columns, `ON CONFLICT` and `RETURNING`.

mod connection;
mod inbox;
mod metrics;
mod migrations;
mod patience;
mod reachability;
mod reads;
mod session;
mod set;
mod url;
mod warm;
mod write;
mod write_error;
mod writer;
mod writers;

use sqlx::migrate::Migrator;
use tokio::time::timeout;

pub use connection::{Connection, Statement};
pub use reads::Reads;
pub use url::{DatabaseUrl, Engine, InvalidDatabaseUrl};
pub use write::{Key, Write};
pub use write_error::WriteError;

use metrics::Metrics;
use reachability::Reachability;
use writers::Writers;

/// An open database with its schema up to date.
#[derive(Clone)]
pub struct Database {
    engine: Engine,
    reads: Reads,
    writers: Writers,
    reachability: Reachability,
    metrics: Metrics,
}

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory of a SQLite file could not be made.
    #[error("the directory {path} for the database file cannot be created: {source}")]
    Directory {
        /// The directory.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// No connection: wrong address, wrong credentials, server down.
    #[error("the database {url} cannot be opened: {source}")]
    Connect {
        /// The address, without user, password and parameters.
        url: String,
        /// What the driver said.
        source: sqlx::Error,
    },
    /// The schema could not be brought up to date.
    #[error("the schema of {url} cannot be brought up to date: {source}")]
    Migrate {
        /// The address, without user, password and parameters.
        url: String,
        /// What the migrator said.
        source: sqlx::migrate::MigrateError,
    },
}

impl Database {
    /// Opens the database, creating a missing SQLite file, and applies what `migrations` it lacks.
    pub async fn open(url: &DatabaseUrl, migrations: &Migrator) -> Result<Self, OpenError> {
        sqlx::any::install_default_drivers();
        if let Some(directory) = url.sqlite_directory() {
            std::fs::create_dir_all(directory)
                .map_err(|source| OpenError::Directory { path: directory.display().to_string(), source })?;
        }
        let connect = |source| OpenError::Connect { url: url.to_string(), source };
        migrations::run(url, migrations).await?;
        // SQLite has one writer at a time: a second connection would only wait for the first one's lock.
        let writers = match url.engine() {
            Engine::Sqlite => 1,
            Engine::Postgres => 4,
        };
        let reads = Reads::connect(url).await.map_err(connect)?;
        let metrics = Metrics::new();
        let (writers, reachability) = (Writers::start(url, writers, &metrics), Reachability::new());
        Ok(Self { engine: url.engine(), reads, writers, reachability, metrics })
    }

    /// Opens all connections that reads and writes use, side by side, so that no first request waits for one. Those that
    /// cannot be had are no error: whether the database is still there, others tell.
    pub async fn warm(&self) {
        let open = async { tokio::join!(self.reads.open_all(), self.writers.open_all()) };
        if timeout(warm::PATIENCE, open).await.is_err() {
            tracing::warn!("the database is slow to open connections, and so first requests may be slow");
        }
    }

    /// Which engine this is, for the few statements that need a branch.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// The pool for reads, each with an end: see [`Reads`].
    pub fn reads(&self) -> &Reads {
        &self.reads
    }

    /// Makes `write`, together with others of its type, and returns its output once it has been committed.
    ///
    /// One that fails through a fault of its own, or because somebody else has its row ([`WriteError::is_locked`], after a
    /// second or two), fails alone: the others are made again without it, so it costs them a moment. If the database is
    /// away or does not answer ([`WriteError::is_outage`]), all that were taken together fail; no caller waits longer than
    /// 10 s to hear of it.
    ///
    /// Neither dropping the returned future nor an outage undoes the write: it may still commit.
    pub async fn write<W: Write>(&self, write: W) -> Result<W::Output, WriteError> {
        let outcome = self.writers.write(write).await;
        self.reachability.observe(&outcome);
        outcome
    }

    /// Commits the writes under way, refuses new ones and closes all connections.
    pub async fn close(&self) {
        self.writers.stop().await;
        self.reads.close().await;
    }
}
