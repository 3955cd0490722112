//! What a test has to itself: its queues, its database, and a look into both.

use std::collections::BTreeSet;
use std::time::Duration;

use contracts::{Currency, Event, OrderCancelled, OrderCreated, OrderEvent, PaymentEvent};
use database::{Database, DatabaseUrl};
use jiff::Timestamp;
use payment_service::ledger::MIGRATIONS;
use testbed::{Databases, QueueMessage, Queues, eventually};
use uuid::Uuid;

/// The orders' queue, the results' queue, their dead-letter queues, and the ledger.
pub(crate) struct Scene {
    pub(crate) queues: Queues,
    pub(crate) database: DatabaseUrl,
    /// The same as a `DATABASE_URL`, password included.
    pub(crate) database_url: String,
    books: Database,
    // Ends with the test.
    databases: Databases,
}

/// A result as the order service gets it.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) event: Event<PaymentEvent>,
    pub(crate) message: QueueMessage,
}

/// A row of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Row {
    pub(crate) order_id: String,
    pub(crate) payment_id: String,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) state: String,
    pub(crate) attempt: i64,
    pub(crate) lease_until: i64,
    pub(crate) charge_id: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) refund_id: Option<String>,
    pub(crate) provider_refund_id: Option<String>,
}

/// An order that the order service has accepted.
pub(crate) fn order(amount: i64) -> OrderCreated {
    OrderCreated { order_id: Uuid::now_v7(), user_id: "dev-user".to_owned(), amount, currency: Currency::USD }
}

/// The message that tells of it.
pub(crate) fn created(order: &OrderCreated) -> String {
    Event::new(Uuid::now_v7(), "/order-service", Timestamp::now(), OrderEvent::Created(order.clone())).encode()
}

/// The message that takes it back.
pub(crate) fn cancelled(order: &OrderCreated) -> String {
    let event =
        OrderEvent::Cancelled(OrderCancelled { order: order.clone(), reason: Some("changed my mind".to_owned()) });
    Event::new(Uuid::now_v7(), "/order-service", Timestamp::now(), event).encode()
}

impl Scene {
    /// Four empty queues and an empty database.
    pub(crate) async fn set() -> Self {
        Self::set_with(Queues::start().await).await
    }

    /// An empty database, and whatever queues.
    pub(crate) async fn set_with(queues: Queues) -> Self {
        let databases = Databases::new();
        let database_url = databases.create_url().await;
        let database: DatabaseUrl = database_url.parse().unwrap();
        let books = Database::open(&database, &MIGRATIONS).await.unwrap();
        Self { queues, database, database_url, books, databases }
    }

    /// Whether the ledger is on PostgreSQL.
    pub(crate) fn on_postgres(&self) -> bool {
        self.databases.on_postgres()
    }

    /// The ledger's database, for those who act on it beside the worker.
    pub(crate) fn books(&self) -> Database {
        self.books.clone()
    }

    /// Has the order service tell of a new order.
    pub(crate) async fn place(&self, amount: i64) -> OrderCreated {
        let order = order(amount);
        self.queues.send("orders", &created(&order)).await;
        order
    }

    /// Has the order service tell of many new orders.
    pub(crate) async fn place_all(&self, amounts: impl IntoIterator<Item = i64>) -> Vec<OrderCreated> {
        let orders: Vec<_> = amounts.into_iter().map(order).collect();
        self.queues.send_all("orders", &orders.iter().map(created).collect::<Vec<_>>()).await;
        orders
    }

    /// Takes what is in `payments` now.
    pub(crate) async fn results_now(&self) -> Vec<Told> {
        let mut results = Vec::new();
        loop {
            let messages = self.queues.receive("payments", Duration::ZERO, Duration::from_secs(30)).await;
            if messages.is_empty() {
                return results;
            }
            for message in messages {
                self.queues.delete("payments", &message.receipt_handle).await;
                results.push(Told { event: Event::decode(&message.body).unwrap(), message });
            }
        }
    }

    /// Waits until at least `count` results were told, and takes them.
    pub(crate) async fn results(&self, count: usize) -> Vec<Told> {
        let mut results = Vec::new();
        eventually(&format!("{count} results"), async || {
            results.extend(self.results_now().await);
            (results.len() >= count).then_some(())
        })
        .await;
        results
    }

    /// The ledger.
    pub(crate) async fn rows(&self) -> Vec<Row> {
        let all = "SELECT order_id, payment_id, amount, currency, state, attempt, lease_until, charge_id, reason, \
                       refund_id, provider_refund_id FROM payments ORDER BY order_id";
        // A read has an end, which on a slow machine may come before its rows.
        eventually("the ledger is read", async || sqlx::query_as(all).fetch_all(self.books.reads()).await.ok()).await
    }

    /// An order's row of the ledger.
    pub(crate) async fn row(&self, order: &OrderCreated) -> Row {
        let id = order.order_id.to_string();
        self.rows().await.into_iter().find(|row| row.order_id == id).unwrap()
    }

    /// How many results wait in the outbox.
    pub(crate) async fn outbox(&self) -> i64 {
        let count = || sqlx::query_scalar("SELECT COUNT(*) FROM outbox");
        eventually("the outbox is counted", async || count().fetch_one(self.books.reads()).await.ok()).await
    }

    /// Waits until every result has gone out. A worker that is told to stop while a queue or a database is too slow for it
    /// leaves the rest to the next one.
    pub(crate) async fn all_told(&self) {
        eventually("every result has gone out", async || (self.outbox().await == 0).then_some(())).await;
    }

    /// How every test ends: queues empty, ledger consistent.
    pub(crate) async fn at_rest(&self) {
        self.at_rest_but_for(&[]).await;
    }

    /// The same, except that these orders, and no others, have come to no end.
    pub(crate) async fn at_rest_but_for(&self, unpaid: &[&OrderCreated]) {
        self.queues.expect_all_empty(&["orders", "orders-dlq", "payments", "payments-dlq"]).await;
        assert_eq!(self.outbox().await, 0, "every result has gone out");
        let mut open = BTreeSet::new();
        let now = Timestamp::now().as_millisecond();
        for row in self.rows().await {
            let is_mark = row.state == "CANCELLED" && row.charge_id.is_none() && row.reason.is_none();
            assert!((row.attempt >= 1 || is_mark) && row.amount > 0, "{row:?}");
            assert_eq!(row.provider_refund_id.is_some(), row.state == "REFUNDED", "{row:?}");
            assert_eq!(row.refund_id.is_some(), ["CANCELLING", "CANCELLED", "REFUNDED"].contains(&row.state.as_str()));
            match (row.state.as_str(), &row.charge_id, &row.reason) {
                ("SUCCEEDED", Some(_), None) | ("DECLINED", None, Some(_)) => {}
                ("CANCELLED", None, _) | ("REFUNDED", _, None) => {}
                ("CHARGING", None, None) | ("CANCELLING", _, None) => {
                    assert!(row.lease_until <= now, "nobody is at it, but the claim is still held: {row:?}");
                    open.insert(row.order_id);
                }
                _ => panic!("a row that says two things: {row:?}"),
            }
        }
        assert_eq!(open, unpaid.iter().map(|order| order.order_id.to_string()).collect());
    }
}
