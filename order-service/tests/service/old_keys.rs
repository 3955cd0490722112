//! Forgetting old idempotency keys, however many there are, is nobody's trouble.

use std::time::Duration;

use database::{Database, DatabaseUrl};
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use order_service::store::{MIGRATIONS, OrderStore};
use outbox::Outbox;
use sqlx::{AnyConnection, AssertSqlSafe, Connection};
use testbed::{Databases, Queues, eventually};
use tokio_util::sync::CancellationToken;

use crate::answer::Answer;
use crate::{Service, settings};

const OLD: usize = 20_000;
const YOUNG: usize = 100;

struct Keys {
    url: String,
    outsider: AnyConnection,
}

impl Keys {
    /// A database with old keys and young ones.
    async fn stored(databases: &Databases) -> Self {
        let url = databases.create_url().await;
        open(&url).await.close().await;
        let mut outsider = AnyConnection::connect(&url).await.unwrap();
        let days_ago = |days: i64| (Timestamp::now() - SignedDuration::from_hours(24 * days)).as_millisecond();
        let insert = format!(
            "INSERT INTO idempotency_keys (idempotency_key, order_id, created_at) \
             WITH RECURSIVE keys (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM keys WHERE n + 1 < {}) \
             SELECT 'key-' || CAST(n AS TEXT), 'order', CASE WHEN n < {OLD} THEN {} ELSE {} END FROM keys",
            OLD + YOUNG,
            days_ago(31),
            days_ago(29)
        );
        sqlx::raw_sql(AssertSqlSafe(insert)).execute(&mut outsider).await.unwrap();
        Self { url, outsider }
    }

    async fn count(&mut self) -> usize {
        let count = "SELECT COUNT(*) FROM idempotency_keys WHERE idempotency_key LIKE 'key-%'";
        let count: i64 = sqlx::query_scalar(count).fetch_one(&mut self.outsider).await.unwrap();
        usize::try_from(count).unwrap()
    }
}

async fn open(url: &str) -> Database {
    Database::open(&url.parse::<DatabaseUrl>().unwrap(), &MIGRATIONS).await.unwrap()
}

#[tokio::test]
async fn orders_placed_while_many_old_keys_are_forgotten_are_accepted_and_all_old_keys_go() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let mut keys = Keys::stored(&databases).await;
    if databases.on_postgres() {
        // Somebody who is frozen has one of them.
        let lock = "BEGIN; UPDATE idempotency_keys SET order_id = 'held' WHERE idempotency_key = 'key-100'";
        sqlx::raw_sql(lock).execute(&mut keys.outsider).await.unwrap();
    }
    // It sweeps when it starts.
    let service = Service::with(&queues.sqs, settings(&queues, &keys.url)).await;
    let requests = (0..200).map(|number| {
        let order = service.posting(r#"{"userId":"dev-user","total":42.00}"#);
        Answer::to(order.header("Idempotency-Key", format!("new-{number}")))
    });
    let placed: Vec<String> = join_all(requests).await.iter().map(Answer::accepted).collect();
    let held = usize::from(databases.on_postgres());
    eventually("all old keys are forgotten", async || (keys.count().await == YOUNG + held).then_some(())).await;
    service.stop().await;
    let mut told = 0;
    while told < placed.len() {
        for message in queues.receive("orders", Duration::from_secs(1), Duration::from_secs(30)).await {
            queues.delete("orders", &message.receipt_handle).await;
            told += 1;
        }
    }
    queues.expect_empty("orders").await;
    if databases.on_postgres() {
        sqlx::raw_sql("ROLLBACK").execute(&mut keys.outsider).await.unwrap();
    }
}

#[tokio::test]
async fn two_instances_that_forget_at_the_same_time_forget_every_old_key_once() {
    let databases = Databases::new();
    if !databases.on_postgres() {
        return; // A SQLite file belongs to one instance.
    }
    let mut keys = Keys::stored(&databases).await;
    let (one, other) = (open(&keys.url).await, open(&keys.url).await);
    let forgotten = join_all([&one, &other].map(|database| {
        let store = OrderStore::new(database.clone(), Outbox::new(database.clone(), 1));
        async move { store.forget_old_keys(Timestamp::now(), &CancellationToken::new()).await.unwrap() }
    }));
    assert_eq!(forgotten.await.iter().sum::<usize>(), OLD);
    assert_eq!(keys.count().await, YOUNG);
}

#[tokio::test]
async fn a_stop_ends_the_forgetting() {
    let databases = Databases::new();
    let mut keys = Keys::stored(&databases).await;
    let database = open(&keys.url).await;
    let store = OrderStore::new(database.clone(), Outbox::new(database, 1));
    let stop = CancellationToken::new();
    stop.cancel();
    assert_eq!(store.forget_old_keys(Timestamp::now(), &stop).await.unwrap(), 0);
    assert_eq!(keys.count().await, OLD + YOUNG);
}
