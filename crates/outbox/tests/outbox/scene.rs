//! An outbox on a real database, and relays that send it.

use std::collections::HashMap;
use std::ops::Deref;
use std::time::Duration;

use database::{Connection, Database, DatabaseUrl, Statement, Write, WriteError};
use outbox::{Message, Metrics, Outbox, Relay, insert_messages, message_columns};
use prometheus_client::registry::Registry;
use sqlx::Row;
use sqs::{Queue, TraceContext};
use testbed::{Databases, Scene, eventually};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A scene with an outbox.
pub(crate) struct OutboxScene {
    /// The outbox.
    pub(crate) outbox: Outbox,
    /// Its database.
    pub(crate) database: Database,
    /// Where that is.
    pub(crate) url: DatabaseUrl,
    /// The same for connections of the test's own.
    pub(crate) database_url: String,
    scene: Scene,
    metrics: Metrics,
    registry: Registry,
    // Ends with the test.
    _databases: Databases,
}

/// How long a row is its relay's.
pub(crate) const LEASE: Duration = Duration::from_secs(12);

/// Messages as the rows of a set, in JSON.
struct Add(String);

const ADD: Statement = Statement {
    sqlite: insert_messages!(sqlite, where "true"),
    postgres: concat!(
        "WITH added AS (SELECT * FROM json_to_recordset(CAST($1 AS json)) AS added (",
        message_columns!(),
        ")) ",
        insert_messages!(postgres, from "added" where "true")
    ),
};

impl Write for Add {
    type Output = HashMap<String, i64>;

    async fn run(set: &[&Self], connection: &mut Connection) -> Result<Vec<Self::Output>, sqlx::Error> {
        let mut leases = Vec::new();
        for Add(rows) in set {
            let add = sqlx::query(ADD.on(connection.engine())).bind(rows);
            let added = add.fetch_all(connection.any()).await?;
            leases.push(added.iter().map(|row| (row.get("id"), row.get("lease_until"))).collect());
        }
        Ok(leases)
    }
}

/// Messages whose ids and bodies are `prefix-000`, `prefix-001` and so on.
pub(crate) fn named(prefix: &str, messages: usize) -> Vec<(String, String)> {
    let name = |number| format!("{prefix}-{number:03}");
    (0..messages).map(|number| (name(number), name(number))).collect()
}

/// Messages with these ids and bodies, each with its place in the hand-over if there is one.
pub(crate) fn reserved(outbox: &Outbox, messages: Vec<(String, String)>) -> Vec<Message> {
    let message = |(id, body)| outbox.message(id, "a test".to_owned(), body, TraceContext::root());
    messages.into_iter().map(message).collect()
}

/// A statement of the test's own.
struct Execute(&'static str);

impl Write for Execute {
    type Output = ();

    async fn run(set: &[&Self], connection: &mut Connection) -> Result<Vec<()>, sqlx::Error> {
        for statement in set {
            sqlx::raw_sql(statement.0).execute(connection.any()).await?;
        }
        Ok(vec![(); set.len()])
    }
}

pub(crate) async fn open(url: &DatabaseUrl) -> Database {
    Database::open(url, &sqlx::migrate!("tests/outbox/migrations")).await.unwrap()
}

impl OutboxScene {
    pub(crate) async fn start() -> Self {
        let (scene, databases) = (Scene::start().await, Databases::new());
        let database_url = databases.create_url().await;
        let url: DatabaseUrl = database_url.parse().unwrap();
        let database = open(&url).await;
        let outbox = Outbox::new(database.clone(), 1000);
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        Self { outbox, database, url, database_url, scene, metrics, registry, _databases: databases }
    }

    /// Commits messages whose ids and bodies are `prefix-000`, `prefix-001` and so on, and hands them over to the relay.
    pub(crate) async fn add(&self, prefix: &str, messages: usize) {
        self.add_bodies(named(prefix, messages)).await;
    }

    /// Commits messages with these ids and bodies, and hands them over to the relay, if there is one.
    pub(crate) async fn add_bodies(&self, messages: Vec<(String, String)>) {
        self.commit(&self.outbox, messages, Instant::now()).await;
    }

    /// The same as [`add`](Self::add) by the instance that `outbox` belongs to.
    pub(crate) async fn add_by(&self, outbox: &Outbox, prefix: &str, messages: usize) {
        self.commit(outbox, named(prefix, messages), Instant::now()).await;
    }

    /// Commits messages by the instance that `outbox` belongs to, as if its statement had begun at `begun`. How many of
    /// them have been handed over.
    pub(crate) async fn commit(&self, outbox: &Outbox, messages: Vec<(String, String)>, begun: Instant) -> usize {
        let messages = reserved(outbox, messages);
        let leases = self.store(&messages).await;
        messages.into_iter().for_each(|message| {
            let lease = leases[message.id()];
            message.committed(lease, begun);
        });
        leases.values().filter(|lease| **lease > 0).count()
    }

    /// Commits messages, and says what lease each row has; nobody is told.
    pub(crate) async fn store(&self, messages: &[Message]) -> HashMap<String, i64> {
        let rows: Vec<_> = messages.iter().map(Message::row).collect();
        self.database.write(Add(serde_json::to_string(&rows).unwrap())).await.unwrap()
    }

    /// Runs a statement.
    pub(crate) async fn execute(&self, sql: &'static str) -> Result<(), WriteError> {
        self.database.write(Execute(sql)).await
    }

    /// The rows: id, attempts and fault.
    pub(crate) async fn rows(&self) -> Vec<(String, i64, Option<String>)> {
        let all = || sqlx::query("SELECT id, attempts, fault FROM outbox ORDER BY id");
        // A read has an end, which on a slow machine may come before its rows.
        let rows = eventually("the outbox is read", async || all().fetch_all(self.database.reads()).await.ok()).await;
        rows.iter().map(|row| (row.get("id"), row.get("attempts"), row.get("fault"))).collect()
    }

    /// The leases of all rows.
    pub(crate) async fn leases(&self) -> Vec<i64> {
        let leases = sqlx::query_scalar("SELECT lease_until FROM outbox ORDER BY id");
        leases.fetch_all(self.database.reads()).await.unwrap()
    }

    /// Waits until there are so many rows left.
    pub(crate) async fn left(&self, rows: usize) {
        eventually(&format!("{rows} rows are left"), async || (self.rows().await.len() == rows).then_some(())).await;
    }

    /// Starts a relay of this outbox.
    pub(crate) fn relay(&self) -> RunningRelay {
        self.relay_of(self.outbox.clone())
    }

    /// Starts a relay of `outbox`, which stands on this database too.
    pub(crate) fn relay_of(&self, outbox: Outbox) -> RunningRelay {
        let (stop, deadline) = (CancellationToken::new(), CancellationToken::new());
        let queue = self.scene.queue();
        let relay = Relay::new(outbox, queue.clone(), self.metrics.clone(), |_| {});
        let running = tokio::spawn(relay.run(stop.clone(), deadline.clone().cancelled_owned()));
        RunningRelay { queue, deadline, stop, running }
    }

    /// A metric's value for the queue `orders`, summed over its other labels.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        self.scene.metric_of(&self.registry, name)
    }

    /// How many entries each batch call has had, in order.
    pub(crate) fn batches(&self) -> Vec<usize> {
        let requests = self.scene.requests("SendMessageBatch").into_iter();
        requests.map(|request| request["Entries"].as_array().unwrap().len()).collect()
    }

    /// The queues are empty, and nothing is left in the outbox.
    pub(crate) async fn end(&self) {
        assert_eq!(self.rows().await, []);
        self.scene.queues.expect_all_empty(&["orders", "orders-dlq"]).await;
    }
}

impl Deref for OutboxScene {
    type Target = Scene;

    fn deref(&self) -> &Scene {
        &self.scene
    }
}

/// A relay at work.
pub(crate) struct RunningRelay {
    /// Its queue.
    pub(crate) queue: Queue,
    /// When cancelled, the relay's time is up.
    pub(crate) deadline: CancellationToken,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl RunningRelay {
    /// Stops it in good order.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.running.await.unwrap();
    }

    /// Ends it in the middle of whatever it does.
    pub(crate) async fn kill(self) {
        self.running.abort();
        assert!(self.running.await.unwrap_err().is_cancelled());
    }
}
