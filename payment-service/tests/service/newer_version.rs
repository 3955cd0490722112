//! Beside, or after, a newer version: on its schema, among rows in a state that only it knows.

use database::Database;
use payment_service::ledger::MIGRATIONS;
use testbed::{CountingProvider, eventually, migrate_further, never};

use crate::worker::asking;
use crate::{Scene, Worker};

const FUTURE: &str = "CANCELLED_BEFORE";

/// What the start of a newer version does to the database.
const FURTHER: &str = "ALTER TABLE payments ADD COLUMN note TEXT; CREATE TABLE refunds (order_id TEXT PRIMARY KEY)";

async fn set_state(books: &Database, order: &str, state: &str) {
    let update = sqlx::query("UPDATE payments SET state = $1 WHERE order_id = $2").bind(state).bind(order);
    assert_eq!(update.execute(books.reads()).await.unwrap().rows_affected(), 1);
}

#[tokio::test]
async fn a_worker_starts_and_charges_on_a_schema_that_a_newer_one_has_migrated() {
    let scene = Scene::set().await;
    migrate_further(&scene.database_url, &MIGRATIONS, FURTHER).await;
    let worker = Worker::start(&scene.queues, &scene.database, |_| {}).await;
    let order = scene.place(4200).await;
    assert_eq!(scene.results(1).await[0].event.subject, order.order_id);
    worker.stop().await;
    scene.at_rest().await;
}

#[tokio::test]
async fn an_order_in_a_state_that_is_not_known_is_not_charged_and_not_given_up() {
    let scene = Scene::set().await;
    let provider = CountingProvider::start().await;
    let worker = Worker::start(&scene.queues, &scene.database, asking(&provider)).await;
    let order = scene.place(4200).await;
    scene.results(1).await;
    let key = order.order_id.to_string();
    // As a newer version may leave it: with a mark of its own, about whatever amount.
    set_state(&scene.books(), &key, FUTURE).await;
    let update = sqlx::query("UPDATE payments SET amount = 1, lease_until = 0");
    update.execute(scene.books().reads()).await.unwrap();
    let row = scene.row(&order).await;

    scene.queues.send("orders", &crate::scene::created(&order)).await;
    let received = format!(
        "messaging_client_consumed_messages_total{{messaging_operation_name=\"receive\",messaging_destination_name=\"{}\"}}",
        scene.queues.name("orders")
    );
    let seen = async {
        let twice = async || worker.metric(&received).await.filter(|count| *count >= 2.0);
        eventually("the order has come again", twice).await;
        // Another order is charged meanwhile.
        scene.place(4300).await;
        scene.results(1).await
    };
    let touched = async || scene.row(&order).await != row || provider.asked(&key) != 1;
    let others = never("an order of a newer version was touched", seen, touched).await;
    assert!(others.iter().all(|result| result.event.subject != order.order_id), "no result was made up");

    // The newer version brings it to an end that is known here: its result is told again, and nobody is charged again.
    let end = sqlx::query("UPDATE payments SET state = 'SUCCEEDED', amount = 4200 WHERE order_id = $1").bind(&key);
    end.execute(scene.books().reads()).await.unwrap();
    assert_eq!(scene.results(1).await[0].event.subject, order.order_id);
    let retried = format!("messages_settled_total{{queue=\"{}\",outcome=\"retry\"}}", scene.queues.name("orders"));
    assert_eq!(worker.metric(&retried).await.unwrap_or(0.0), 0.0, "a receive was used up");
    worker.stop().await;
    assert_eq!(provider.executions()[&key], [4200]);
    scene.at_rest().await;
}
