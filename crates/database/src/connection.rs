//! What a set is run on.

use std::time::Duration;

use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::Engine;

/// A writer's connection.
pub struct Connection {
    engine: Engine,
    connection: AnyConnection,
    lock_timeout: Duration,
}

/// The statement of a set. Its only parameter, `$1`, is the set as a JSON array.
///
/// On PostgreSQL one statement; on SQLite, which has no statements within a statement, as many as it takes, in one
/// transaction. Both return the same columns.
#[derive(Clone, Copy, Debug)]
pub struct Statement {
    /// Reads the set by `json_each($1)`.
    pub sqlite: &'static str,
    /// Reads the set by `json_to_recordset(CAST($1 AS json))`.
    pub postgres: &'static str,
}

impl Connection {
    pub(crate) fn new(engine: Engine, connection: AnyConnection, lock_timeout: Duration) -> Self {
        Self { engine, connection, lock_timeout }
    }

    /// Which engine this is.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// The connection itself, for a statement that is not a set's.
    pub fn any(&mut self) -> &mut AnyConnection {
        &mut self.connection
    }

    /// Runs a set's statement and returns the rows that it returns, in no order.
    pub async fn rows(&mut self, statement: Statement, set: &impl Serialize) -> Result<Vec<AnyRow>, sqlx::Error> {
        let json = serde_json::to_string(set).map_err(|error| sqlx::Error::Encode(error.into()))?;
        sqlx::query(statement.on(self.engine)).bind(json).fetch_all(&mut self.connection).await
    }

    pub(crate) async fn execute(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(sql).execute(&mut self.connection).await?;
        Ok(())
    }

    /// From now on, statements wait for a lock as long as that. SQLite has no lock on rows.
    pub(crate) async fn wait_for_locks(&mut self, lock_timeout: Duration) -> Result<(), sqlx::Error> {
        if self.engine == Engine::Postgres && self.lock_timeout != lock_timeout {
            let set = format!("SET lock_timeout = {}", lock_timeout.as_millis().max(1));
            sqlx::raw_sql(AssertSqlSafe(set)).execute(&mut self.connection).await?;
            self.lock_timeout = lock_timeout;
        }
        Ok(())
    }

    pub(crate) fn into_any(self) -> AnyConnection {
        self.connection
    }
}

impl Statement {
    /// Its text on that engine.
    pub fn on(self, engine: Engine) -> &'static str {
        match engine {
            Engine::Sqlite => self.sqlite,
            Engine::Postgres => self.postgres,
        }
    }
}

/// The time in milliseconds since 1970, as SQL: by the clock that all who share the database go by. On PostgreSQL the
/// server's, when the statement reached it; on SQLite, where there is one process, that one's.
#[macro_export]
macro_rules! now {
    (sqlite) => {
        "CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER)"
    };
    (postgres) => {
        "CAST(extract(epoch FROM statement_timestamp()) * 1000 AS bigint)"
    };
}
