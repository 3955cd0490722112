//! Beside a version that knew no cancellations, on the same database and queues. It is played by what it did to them: its
//! statements, and its dead letters.

use std::collections::BTreeSet;

use jiff::Timestamp;
use reqwest::Method;
use serde_json::Value;
use sqlx::{AnyConnection, Connection};
use testbed::{Databases, Queues, eventually};

use crate::answer::Answer;
use crate::events::{cancelled, declined, refunded, send, succeeded, take_all};
use crate::{Service, settings};

const ORDER: &str = r#"{"userId":"dev-user","total":42.00}"#;

/// What it did to the database.
struct OlderVersion(AnyConnection);

impl OlderVersion {
    async fn on(url: &str) -> Self {
        Self(AnyConnection::connect(url).await.unwrap())
    }

    /// Places the order of the example event with a key, and leaves the event to whoever sends it.
    async fn place(&mut self, key: &str) -> String {
        let event: Value =
            serde_json::from_str(include_str!("../../../crates/contracts/examples/order.created.v1.json")).unwrap();
        let order = event["subject"].as_str().unwrap().to_owned();
        let now = Timestamp::now().as_millisecond();
        let insert =
            sqlx::query("INSERT INTO idempotency_keys (idempotency_key, order_id, created_at) VALUES ($1, $2, $3)");
        insert.bind(key).bind(&order).bind(now).execute(&mut self.0).await.unwrap();
        let insert = sqlx::query(
            "INSERT INTO orders (order_id, user_id, amount, currency, status, created_at, updated_at) \
             VALUES ($1, 'dev-user', 4200, 'USD', 'PENDING', $2, $2)",
        );
        insert.bind(&order).bind(now).execute(&mut self.0).await.unwrap();
        let insert = sqlx::query("INSERT INTO outbox (id, subject, body, traceparent) VALUES ($1, $1, $2, $3)");
        let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        insert.bind(&order).bind(event.to_string()).bind(traceparent).execute(&mut self.0).await.unwrap();
        order
    }

    /// Takes the result of a payment; whether the order has changed by it.
    async fn settle(&mut self, order: &str, status: &str) -> bool {
        let settle = sqlx::query(
            "UPDATE orders SET status = $1, updated_at = updated_at + 1 \
             WHERE order_id = $2 AND status = 'PENDING' AND amount = 4200 AND currency = 'USD'",
        );
        settle.bind(status).bind(order).execute(&mut self.0).await.unwrap().rows_affected() == 1
    }
}

async fn cancel(service: &Service, order: &str) -> Answer {
    Answer::to(service.request(Method::POST, &format!("/orders/{order}/cancel"))).await
}

#[tokio::test]
async fn what_an_older_version_has_placed_and_settled_is_taken_back_like_any_other() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let url = databases.create_url().await;
    let service = Service::with(&queues.sqs, settings(&queues, &url)).await;
    let mut older = OlderVersion::on(&url).await;
    let order = older.place("k-1").await;
    let placed = service.post_with_key("k-1", ORDER).await;
    assert_eq!((placed.accepted(), placed.header("idempotent-replayed")), (order.clone(), Some("true")));
    assert!(older.settle(&order, "PAID").await);

    assert_eq!(cancel(&service, &order).await.json()["status"], "CANCELLING");
    // A key that has placed an order takes none back, whoever has written it down.
    let reused = service.request(Method::POST, &format!("/orders/{order}/cancel"));
    Answer::to(reused.header("Idempotency-Key", "k-1")).await.problem(422);
    // It leaves alone what it does not know.
    for status in ["PAID", "DECLINED"] {
        assert!(!older.settle(&order, status).await);
    }
    send(&queues, "payments", &refunded(&order, 4200).to_string(), &[]).await;
    service.wait_for_status(&order, "REFUNDED").await;
    assert!(!older.settle(&order, "PAID").await);
    assert_eq!(service.post_with_key("k-1", ORDER).await.text, placed.text, "as the first time");

    // The event that it has left goes out beside our own.
    let mut types = BTreeSet::new();
    eventually("both events are told, each once", async || {
        for body in take_all(&queues, &[]).await.into_values().flatten() {
            let event: Value = serde_json::from_str(&body).unwrap();
            assert!(types.insert(event["type"].as_str().unwrap().to_owned()), "told twice: {body}");
        }
        (types.len() == 2).then_some(())
    })
    .await;
    service.stop().await;
    queues.expect_all_empty(&["orders", "orders-dlq", "payments", "payments-dlq"]).await;
}

#[tokio::test]
async fn results_that_an_older_version_has_dead_lettered_end_their_cancellations_once_they_are_sent_back() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let [charged, not_charged] = [service.place().await, service.place().await];
    for order in [&charged, &not_charged] {
        cancel(&service, order).await.accepted();
    }
    let unknown =
        [("failure-reason", "the type is not known"), ("failure-type", "unknown-type"), ("receive-count", "1")];
    for event in [refunded(&charged, 4200), cancelled(&not_charged, 4200)] {
        send(&queues, "payments-dlq", &event.to_string(), &unknown).await;
    }
    // What it held for whoever knows the status comes when it stops.
    send(&queues, "payments", &succeeded(&charged, 4200).to_string(), &[]).await;
    send(&queues, "payments", &declined(&not_charged, 4200).to_string(), &[]).await;
    queues.expect_all_empty(&["payments"]).await;
    for order in [&charged, &not_charged] {
        assert_eq!(service.order(order).await["status"], "CANCELLING");
    }
    for _ in 0..2 {
        let letter = queues.take("payments-dlq").await;
        let attributes: Vec<_> =
            letter.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        send(&queues, "payments", &letter.body, &attributes).await;
    }
    service.wait_for_status(&charged, "REFUNDED").await;
    service.wait_for_status(&not_charged, "CANCELLED").await;
    service.stop().await;
    take_all(&queues, &[charged, not_charged]).await;
    queues.expect_all_empty(&["orders", "orders-dlq", "payments", "payments-dlq"]).await;
}
