//! Bringing the schema up to date, on a session of its own: an index on a large table takes longer than any other statement
//! may.

use std::time::Duration;

use sqlx::Connection;
use sqlx::migrate::{MigrateError, Migrator};
use tokio::time::{Instant, sleep, timeout_at};

use crate::session::{Purpose, connect, timed_out};
use crate::write_error::{Fault, fault_of};
use crate::{DatabaseUrl, OpenError};

/// How long all of it may take: another instance that is at it, tables in use, and the largest index.
const MIGRATIONS_TIMEOUT: Duration = Duration::from_secs(30 * 60);
/// Tries after a failure that may be due to another instance's doing the same.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(100);
/// Between tries for a table in use: whoever waited behind the last try is let through.
const LOCKED_PAUSE: Duration = Duration::from_secs(1);

/// Applies what the database lacks.
///
/// On PostgreSQL one instance at a time does so, under sqlx's advisory lock. An instance that waits for it, or for a table
/// in use, lets go after [`MIGRATION_LOCK_TIMEOUT`](crate::session::MIGRATION_LOCK_TIMEOUT) and asks again: what stands in
/// line for a table keeps all others from it. sqlx takes no lock on SQLite: of two processes that start together on a new
/// file, one finds the tables of the other, and by its next try that one has noted them down.
pub(crate) async fn run(url: &DatabaseUrl, migrations: &Migrator) -> Result<(), OpenError> {
    // A newer version may have been here before: migrations only add, so its schema serves this version as well.
    let mut migrations = Migrator::with_migrations(migrations.iter().cloned().collect());
    migrations.set_ignore_missing(true);
    let deadline = Instant::now() + MIGRATIONS_TIMEOUT;
    let mut tries_left = TRIES;
    loop {
        // A connection of its own for each try: the advisory lock of one that failed goes with it.
        let connected = connect(url, Purpose::Migration).await;
        let mut connection = connected.map_err(|source| OpenError::Connect { url: url.to_string(), source })?;
        let outcome = timeout_at(deadline, migrations.run_direct(None, &mut connection, false)).await;
        let late = |_| Err(timed_out("no end of the migrations", MIGRATIONS_TIMEOUT).into());
        let outcome = outcome.unwrap_or_else(late);
        // Whether it ends well or not, nothing depends on it any more.
        let _ = connection.close().await;
        match outcome {
            Err(error) if is_locked(&error) && Instant::now() < deadline => {
                tracing::info!("waiting for another instance's migration, or for a table in use");
                sleep(LOCKED_PAUSE).await;
            }
            Err(error @ (MigrateError::Execute(_) | MigrateError::ExecuteMigration(..))) if tries_left > 1 => {
                tracing::debug!(%error, "migrating again");
                tries_left -= 1;
                sleep(PAUSE).await;
            }
            outcome => return outcome.map_err(|source| OpenError::Migrate { url: url.to_string(), source }),
        }
    }
}

fn is_locked(error: &MigrateError) -> bool {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => fault_of(error) == Fault::Locked,
        _ => false,
    }
}
