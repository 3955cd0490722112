//! Reads: an ordinary connection pool, but no read without an end.

use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryFutureExt, TryStreamExt};
use sqlx::any::{AnyPoolOptions, AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo};
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyPool, Describe, Either, Error, Execute, Executor, SqlStr};
use tokio::time::timeout;

use crate::session::{CONNECT_TIMEOUT, Purpose, limit, timed_out};
use crate::{DatabaseUrl, Engine, warm};

/// How long a read may take, the wait for a connection included. Later than PostgreSQL's own limit.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// How long closing waits for the reads under way to give their connections back.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// An executor for statements that only read; cheap to clone.
///
/// A read that has not ended after 5 s fails with a time-out, on either engine. Its rows are fetched whole before the first
/// is passed on, so a read is to have a `LIMIT`.
#[derive(Clone, Debug)]
pub struct Reads(AnyPool);

impl Reads {
    pub(crate) async fn connect(url: &DatabaseUrl) -> Result<Self, Error> {
        let (engine, connections) = match url.engine() {
            Engine::Sqlite => (Engine::Sqlite, 4),
            Engine::Postgres => (Engine::Postgres, 8),
        };
        let options = AnyPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(CONNECT_TIMEOUT)
            .after_connect(move |connection, _| limit(connection, engine, Purpose::Reading).boxed());
        Ok(Self(options.connect(&url.connect_url()).await?))
    }

    /// Resolves once as many connections are open as there may be at once.
    pub(crate) async fn open_all(&self) {
        warm::each(0..self.0.options().get_max_connections(), |_| self.0.acquire()).await;
    }

    pub(crate) async fn close(&self) {
        // A connection that does not come back is not waited for: the server ends it by itself.
        let _ = timeout(CLOSE_TIMEOUT, self.0.close()).await;
    }

    async fn begin(&self) -> Result<UnderWay, Error> {
        Ok(UnderWay { connection: self.0.acquire().await?, ended: false })
    }
}

async fn bounded<T>(read: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    timeout(READ_TIMEOUT, read).await.unwrap_or_else(|_| Err(timed_out("no answer to a read", READ_TIMEOUT)))
}

/// A connection that is closed if its read is given up: whatever it waits for, nobody is to wait behind it.
struct UnderWay {
    connection: PoolConnection<Any>,
    ended: bool,
}

impl UnderWay {
    fn end<T>(mut self, outcome: Result<T, Error>) -> Result<T, Error> {
        self.ended = true;
        outcome
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if !self.ended {
            self.connection.close_on_drop();
        }
    }
}

impl<'r> Executor<'r> for &'r Reads {
    type Database = Any;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Either<AnyQueryResult, AnyRow>, Error>>
    where
        'r: 'e,
        E: 'q + Execute<'q, Any>,
    {
        let rows = bounded(async {
            let mut read = self.begin().await?;
            let rows = read.connection.fetch_many(query).try_collect::<Vec<_>>().await;
            read.end(rows)
        });
        rows.map_ok(|rows| futures::stream::iter(rows).map(Ok)).try_flatten_stream().boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<AnyRow>, Error>>
    where
        'r: 'e,
        E: 'q + Execute<'q, Any>,
    {
        let row = bounded(async {
            let mut read = self.begin().await?;
            let row = read.connection.fetch_optional(query).await;
            read.end(row)
        });
        row.boxed()
    }

    fn prepare_with<'e>(self, sql: SqlStr, parameters: &'e [AnyTypeInfo]) -> BoxFuture<'e, Result<AnyStatement, Error>>
    where
        'r: 'e,
    {
        let statement = bounded(async move {
            let mut read = self.begin().await?;
            let statement = read.connection.prepare_with(sql, parameters).await;
            read.end(statement)
        });
        statement.boxed()
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Any>, Error>>
    where
        'r: 'e,
    {
        let description = bounded(async move {
            let mut read = self.begin().await?;
            let description = read.connection.describe(sql).await;
            read.end(description)
        });
        description.boxed()
    }
}
