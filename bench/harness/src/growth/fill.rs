//! Many orders, put into the databases past the services: as if they had been placed days ago.

use anyhow::Result;
use sqlx::{AnyConnection, AssertSqlSafe, Connection};

use crate::storage::{Databases, Storage, connect};

const CHUNK: usize = 100_000;
const USERS: usize = 1_000;
/// 20 days ago, so that no idempotency key is old enough to be forgotten.
const AGE_MILLISECONDS: i64 = 20 * 24 * 60 * 60 * 1_000;

/// Orders by number: each has an id that follows from it.
pub(crate) struct Filler {
    storage: Storage,
    /// Milliseconds since 1970, of order 0.
    start: i64,
}

impl Filler {
    pub(crate) fn new(storage: Storage) -> Self {
        Self { storage, start: jiff::Timestamp::now().as_millisecond() - AGE_MILLISECONDS }
    }

    /// The id of an order, a UUIDv7 as the services make them.
    pub(crate) fn id(&self, number: usize) -> String {
        let at = self.start + number as i64;
        format!("{:08x}-{:04x}-7000-8000-{number:012x}", at >> 16, at & 0xffff)
    }

    /// Orders that have been paid, of each user one in a hundred declined; with keys, and in the ledger.
    pub(crate) async fn settled(&self, databases: &Databases, from: usize, to: usize) -> Result<()> {
        let (id, user, at) = (self.id_sql(), user_sql(), self.at_sql());
        let declined = format!("(i / {USERS}) % 100 = 0");
        let orders = format!(
            "INSERT INTO orders (order_id, user_id, amount, currency, status, created_at, updated_at) \
             SELECT {id}, {user}, 4200, 'USD', CASE WHEN {declined} THEN 'DECLINED' ELSE 'PAID' END, {at}, {at} FROM n"
        );
        let keys = format!(
            "INSERT INTO idempotency_keys (idempotency_key, order_id, created_at) SELECT 'key-' || i, {id}, {at} FROM n"
        );
        let payments = format!(
            "INSERT INTO payments (order_id, payment_id, amount, currency, state, attempt, lease_until, charge_id, reason, \
             created_at, updated_at) \
             SELECT {id}, {id}, 4200, 'USD', CASE WHEN {declined} THEN 'DECLINED' ELSE 'SUCCEEDED' END, 1, 0, \
             CASE WHEN {declined} THEN NULL ELSE 'sim-' || i END, CASE WHEN {declined} THEN 'declined' END, {at}, {at} FROM n"
        );
        self.insert(&databases.urls[0], &[orders, keys], from, to).await?;
        self.insert(&databases.urls[1], &[payments], from, to).await
    }

    /// Orders that are pending, their events in the outbox.
    pub(crate) async fn waiting(&self, databases: &Databases, from: usize, to: usize) -> Result<()> {
        let (id, user, at) = (self.id_sql(), user_sql(), self.at_sql());
        let orders = format!(
            "INSERT INTO orders (order_id, user_id, amount, currency, status, created_at, updated_at) \
             SELECT {id}, {user}, 4200, 'USD', 'PENDING', {at}, {at} FROM n"
        );
        let event = format!(
            "'{{\"specversion\":\"1.0\",\"id\":\"' || {id} || '\",\"source\":\"/order-service\",\"type\":\"order.created.v1\",\
             \"subject\":\"' || {id} || '\",\"time\":\"2026-01-05T12:30:00.123Z\",\"datacontenttype\":\"application/json\",\
             \"data\":{{\"orderId\":\"' || {id} || '\",\"userId\":\"' || {user} || '\",\"amount\":4200,\"currency\":\"USD\"}}}}'"
        );
        let trace = "'00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'";
        let outbox =
            format!("INSERT INTO outbox (id, subject, body, traceparent) SELECT {id}, {id}, {event}, {trace} FROM n");
        self.insert(&databases.urls[0], &[orders, outbox], from, to).await
    }

    async fn insert(&self, url: &str, statements: &[String], from: usize, to: usize) -> Result<()> {
        let mut connection = connect(url).await?;
        for start in (from..to).step_by(CHUNK) {
            let end = (start + CHUNK).min(to);
            let numbers = match self.storage {
                Storage::Sqlite => {
                    format!("WITH RECURSIVE n(i) AS (SELECT {start} UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {end})")
                }
                Storage::Postgres => format!("WITH n(i) AS (SELECT generate_series({start}, {end} - 1))"),
            };
            for insert in statements {
                // SQLite takes `WITH` before an INSERT as well.
                execute(&mut connection, &format!("{numbers} {insert}")).await?;
            }
        }
        // What a database does by itself in time, so that it is not done while something is measured.
        let settle = match self.storage {
            Storage::Sqlite => "PRAGMA wal_checkpoint(TRUNCATE)",
            Storage::Postgres => "VACUUM ANALYZE",
        };
        execute(&mut connection, settle).await?;
        Ok(connection.close().await?)
    }

    fn at_sql(&self) -> String {
        // Parsed as a whole number that is large enough for it by both.
        format!("({} + i)", self.start)
    }

    /// [`Filler::id`], in SQL.
    fn id_sql(&self) -> String {
        let hex = |value: &str, digits: usize| match self.storage {
            Storage::Sqlite => format!("printf('%0{digits}x', {value})"),
            Storage::Postgres => format!("lpad(to_hex({value}), {digits}, '0')"),
        };
        let at = hex(&self.at_sql(), 12);
        format!("substr({at}, 1, 8) || '-' || substr({at}, 9, 4) || '-7000-8000-' || {}", hex("i", 12))
    }
}

/// The users of [`crate::load::orders`].
fn user_sql() -> String {
    format!("'user-' || (i % {USERS})")
}

async fn execute(connection: &mut AnyConnection, statement: &str) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(connection).await?;
    Ok(())
}
