//! One SQL text on SQLite and PostgreSQL, and writes that commit in groups.
//!
//! - [`Database::reads`] is an ordinary connection pool.
//! - [`Database::write`] hands a [`Write`] to a writer, which runs all that has gathered in one transaction and answers
//!   each after the commit. A commit's cost is its flush to disk; sharing it is worth about five times the throughput.
//!
//! The statements go through sqlx's `Any` driver, so they keep to what both engines know: `$1` placeholders, `TEXT`,
//! `BIGINT` and `INTEGER` columns, `ON CONFLICT` and `RETURNING`.

mod group_commit;
mod reachability;
mod url;

use std::time::Duration;

use sqlx::AnyPool;
use sqlx::any::AnyPoolOptions;
use sqlx::migrate::{MigrateError, Migrator};

pub use group_commit::{Write, WriteError};
pub use url::{DatabaseUrl, Engine, InvalidDatabaseUrl};

use group_commit::Writers;
use reachability::Reachability;

/// How long a request for a connection waits before it counts as "database out of reach".
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// See [`migrate`].
const MIGRATION_TRIES: u32 = 10;
const MIGRATION_PAUSE: Duration = Duration::from_millis(100);

/// An open database with its schema up to date.
#[derive(Clone)]
pub struct Database {
    engine: Engine,
    reads: AnyPool,
    writers: Writers,
    reachability: Reachability,
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
        let engine = url.engine();
        // SQLite has one writer at a time: a second connection would only wait for the first one's lock.
        let (readers, writers) = match engine {
            Engine::Sqlite => (4, 1),
            Engine::Postgres => (8, 4),
        };
        let write_pool = connect(url, writers).await?;
        migrate(migrations, &write_pool).await.map_err(|source| OpenError::Migrate { url: url.to_string(), source })?;
        let reads = connect(url, readers).await?;
        let writers = Writers::start(write_pool, engine, writers);
        Ok(Self { engine, reads, writers, reachability: Reachability::new() })
    }

    /// Which engine this is, for the few statements that need a branch.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// The pool for reads.
    pub fn reads(&self) -> &AnyPool {
        &self.reads
    }

    /// Runs `write` in a transaction and returns its output once that has committed.
    ///
    /// The transaction is shared with other writes; a failing one does not harm the others. Dropping the returned
    /// future does not undo the write: it may still commit.
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

/// Brings the schema up to date. A newer version may have been here before: migrations only add, so its schema serves this
/// version as well. sqlx takes no lock on SQLite: of two processes that start together on a new file, one
/// finds the tables of the other, and by its next try that one has noted them down.
async fn migrate(migrations: &Migrator, pool: &AnyPool) -> Result<(), MigrateError> {
    let mut migrations = Migrator::with_migrations(migrations.iter().cloned().collect());
    migrations.set_ignore_missing(true);
    for tries_left in (0..MIGRATION_TRIES).rev() {
        match migrations.run(pool).await {
            Err(error @ (MigrateError::Execute(_) | MigrateError::ExecuteMigration(..))) if tries_left > 0 => {
                tracing::debug!(%error, "migrating again");
                tokio::time::sleep(MIGRATION_PAUSE).await;
            }
            outcome => return outcome,
        }
    }
    Ok(())
}

async fn connect(url: &DatabaseUrl, connections: u32) -> Result<AnyPool, OpenError> {
    let engine = url.engine();
    AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                if engine == Engine::Sqlite {
                    // FULL: a commit is on the disk before it is acknowledged. A 202 is a promise.
                    sqlx::raw_sql("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000;")
                        .execute(connection)
                        .await?;
                }
                Ok(())
            })
        })
        .connect(&url.connect_url())
        .await
        .map_err(|source| OpenError::Connect { url: url.to_string(), source })
}
