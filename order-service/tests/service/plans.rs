//! Every query has an index that serves it whole: the database is asked how it would run the very statements that the
//! service runs.

use database::{Database, Engine};
use order_service::order::{OrderStatus, UserId};
use order_service::store::{
    CANCEL, FIND_KEY, FIND_ORDER, FIND_USE, LIST_CANCELLING, ListOrders, MIGRATIONS, PLACE, SETTLE, ended_statement,
    forget_statement,
};
use outbox::claim_statement;
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Row};
use testbed::Databases;

/// Enough that a plan without an index would be a bad one: 1,000 users with 100 orders each, one in a hundred PENDING.
const ORDERS: &str = "\
    INSERT INTO orders (order_id, user_id, amount, currency, status, created_at, updated_at) \
    WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < 100000) \
    SELECT CAST(10000000 + n AS TEXT), 'user-' || CAST(n % 1000 AS TEXT), 4200, 'USD', \
           CASE WHEN n / 1000 % 100 = 0 THEN 'PENDING' ELSE 'PAID' END, n, n FROM numbers";
const KEYS: &str = "\
    INSERT INTO idempotency_keys (idempotency_key, order_id, created_at) \
    SELECT 'key-' || order_id, order_id, created_at FROM orders";
const OUTBOX: &str = "\
    INSERT INTO outbox (id, subject, body, traceparent) SELECT order_id, order_id, '{}', '' FROM orders";

/// A value for each of a statement's places.
#[derive(Clone, Copy)]
enum Value {
    Text(&'static str),
    Number(i64),
}

use Value::{Number, Text};

struct Plans {
    engine: Engine,
    connection: AnyConnection,
    _databases: Databases,
}

impl Plans {
    async fn of_a_filled_database() -> Self {
        let databases = Databases::new();
        let url = databases.create_url().await;
        let database = Database::open(&url.parse().unwrap(), &MIGRATIONS).await.unwrap();
        let engine = database.engine();
        database.close().await;
        let mut connection = AnyConnection::connect(&url).await.unwrap();
        for sql in [ORDERS, KEYS, OUTBOX, "ANALYZE"] {
            sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        }
        if engine == Engine::Postgres {
            // Of few rows a scan is cheaper than an index; there will be more.
            sqlx::raw_sql("SET enable_seqscan = off").execute(&mut connection).await.unwrap();
        }
        Self { engine, connection, _databases: databases }
    }

    /// The lines of the plan by which the database would run `statement`.
    async fn plan(&mut self, statement: &str, values: &[Value]) -> Vec<String> {
        let explain = match self.engine {
            Engine::Sqlite => "EXPLAIN QUERY PLAN",
            Engine::Postgres => "EXPLAIN",
        };
        let explain = AssertSqlSafe(format!("{explain} {statement}"));
        let query = values.iter().fold(sqlx::query(explain), |query, value| match *value {
            Text(text) => query.bind(text),
            Number(number) => query.bind(number),
        });
        let rows = query.fetch_all(&mut self.connection).await.unwrap();
        let line = |row| match self.engine {
            Engine::Sqlite => Row::get::<String, _>(row, "detail"),
            Engine::Postgres => Row::get(row, 0),
        };
        rows.iter().map(line).collect()
    }

    /// Checks that an index on these columns answers `statement`, with nothing left to be filtered or sorted.
    async fn expect_index(&mut self, columns: &[&str], statement: &str, values: &[Value]) {
        let plan = self.plan(statement, values).await;
        for bad in ["SCAN ", "TEMP B-TREE", "Seq Scan", "Sort", "Filter", "Bitmap"] {
            assert!(!plan.iter().any(|line| line.contains(bad)), "{bad}: {statement}\n{plan:#?}");
        }
        let found = plan.iter().filter(searched).any(|line| columns.iter().all(|column| line.contains(column)));
        assert!(found, "{statement} is not searched by {columns:?}\n{plan:#?}");
    }

    /// Checks that a statement for a set, of which `$1` is the JSON array, reads no table whole: whatever row it looks at is
    /// found by its key, however many there are.
    async fn expect_keys(&mut self, statement: &str) {
        if self.engine == Engine::Postgres {
            // As in the session of a writer.
            sqlx::raw_sql("SET enable_bitmapscan = off").execute(&mut self.connection).await.unwrap();
        }
        // For a set, SQLite may need several statements, each of which has a plan of its own.
        let statements = match self.engine {
            Engine::Sqlite => statement.split("; ").collect(),
            Engine::Postgres => vec![statement],
        };
        for statement in statements {
            let plan = self.plan(statement, &[Text("[]")]).await;
            // Where a stored table is read: SQLite says `SCAN` of the set as well.
            let is_read = |line: &&String| match self.engine {
                Engine::Sqlite => line.contains("SEARCH") || line.contains("SCAN ") && !line.contains("json_each"),
                Engine::Postgres => {
                    ["Seq Scan", "Index Scan", "Index Only Scan"].iter().any(|scan| line.contains(scan))
                }
            };
            let by_key = |line: &&String| ["order_id", "idempotency_key"].iter().any(|key| line.contains(key));
            let (read, found) = (plan.iter().filter(is_read), plan.iter().filter(searched).filter(by_key));
            assert_eq!(found.count(), read.count(), "{statement}\n{plan:#?}");
        }
    }
}

/// Whether a plan's line says by what an index is searched: SQLite `(a=? AND b<?)`, PostgreSQL `Index Cond: (…)`.
fn searched(line: &&String) -> bool {
    line.contains("SEARCH") || line.contains("Index Cond")
}

#[tokio::test]
async fn every_statement_of_every_route_has_an_index_that_serves_it_whole() {
    let mut plans = Plans::of_a_filled_database().await;
    plans.expect_index(&["order_id"], FIND_ORDER, &[Text("10000007")]).await;
    plans.expect_index(&["idempotency_key"], FIND_KEY, &[Text("key-10000007")]).await;
    plans.expect_index(&["idempotency_key"], FIND_USE, &[Text("key-10000007")]).await;
    let (user, status) = (Some("user-7".parse::<UserId>().unwrap()), Some(OrderStatus::Pending));
    for (user_id, status, columns) in [
        (None, None, &["order_id"][..]),
        (user.clone(), None, &["user_id", "order_id"]),
        (None, status.clone(), &["status", "order_id"]),
        (user, status, &["user_id", "status", "order_id"]),
    ] {
        let list = ListOrders { user_id, status, limit: 50, after: None };
        let filters = [list.user_id.as_ref().map(|_| Text("user-7")), list.status.as_ref().map(|_| Text("PENDING"))];
        let values: Vec<Value> = [Text("9"), Number(51)].into_iter().chain(filters.into_iter().flatten()).collect();
        plans.expect_index(columns, list.statement(), &values).await;
    }
}

#[tokio::test]
async fn the_cancellations_under_way_are_found_by_an_index() {
    let mut plans = Plans::of_a_filled_database().await;
    plans.expect_index(&["status", "order_id"], LIST_CANCELLING, &[Text("9"), Number(200)]).await;
}

#[tokio::test]
async fn a_statement_for_a_set_finds_each_row_by_its_key() {
    let mut plans = Plans::of_a_filled_database().await;
    for set in [PLACE, CANCEL, SETTLE] {
        plans.expect_keys(set.on(plans.engine)).await;
    }
    plans.expect_keys(ended_statement(plans.engine)).await;
}

#[tokio::test]
async fn the_oldest_keys_are_found_by_an_index() {
    let mut plans = Plans::of_a_filled_database().await;
    let statement = forget_statement(plans.engine);
    plans.expect_index(&["created_at"], statement, &[Number(0), Number(10_000), Number(500)]).await;
}

#[tokio::test]
async fn the_outbox_rows_that_are_due_are_found_by_an_index() {
    let mut plans = Plans::of_a_filled_database().await;
    let statement = claim_statement(plans.engine);
    plans.expect_index(&["lease_until"], statement, &[Number(100)]).await;
}
