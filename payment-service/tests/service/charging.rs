//! An order's way through the worker, with the built-in provider: the cents of its total decide.

use std::time::Duration;

use contracts::OrderCreated;
use serde_json::{Value, json};
use sqs::TraceContext;

use crate::scene::{Told, created, order};
use crate::{Scene, Worker};

const SUCCEEDED: &str = include_str!("../../../crates/contracts/examples/payment.succeeded.v1.json");
const DECLINED: &str = include_str!("../../../crates/contracts/examples/payment.declined.v1.json");

/// Checks a result against the contract's example, field by field: nothing is missing, nothing is there beside it.
fn assert_is_like(example: &str, told: &Told, order: &OrderCreated, payment_id: &str) {
    let mut expected: Value = serde_json::from_str(example).unwrap();
    expected["id"] = json!(told.event.id);
    expected["time"] = json!(format!("{:.3}", told.event.time));
    expected["subject"] = json!(order.order_id);
    expected["data"]["orderId"] = json!(order.order_id);
    expected["data"]["paymentId"] = json!(payment_id);
    expected["data"]["amount"] = json!(order.amount);
    assert_eq!(serde_json::from_str::<Value>(&told.message.body).unwrap(), expected);
}

#[tokio::test]
async fn an_order_is_charged_and_its_result_told_in_the_same_trace() {
    let scene = Scene::set().await;
    let order = order(4200);
    let trace = TraceContext::root();
    scene.queues.send_with("orders", &created(&order), &[("traceparent", &trace.to_string())]).await;

    let worker = Worker::start(&scene.queues, &scene.database, |_| {}).await;
    let told = scene.results(1).await;
    worker.stop().await;

    let row = scene.row(&order).await;
    assert_eq!((row.state.as_str(), row.attempt, row.amount, row.currency.as_str()), ("SUCCEEDED", 1, 4200, "USD"));
    assert_is_like(SUCCEEDED, &told[0], &order, &row.payment_id);
    let told_in: TraceContext = told[0].message.attributes["traceparent"].parse().unwrap();
    assert_eq!(told_in.trace_id(), trace.trace_id());
    assert_ne!(told_in, trace, "another span of the trace");
    scene.at_rest().await;
}

#[tokio::test]
async fn an_order_without_a_trace_begins_one() {
    let scene = Scene::set().await;
    scene.place(4200).await;
    let worker = Worker::start(&scene.queues, &scene.database, |_| {}).await;
    let told = scene.results(1).await;
    worker.stop().await;
    assert!(told[0].message.attributes["traceparent"].parse::<TraceContext>().is_ok());
    scene.at_rest().await;
}

#[tokio::test]
async fn a_declined_order_is_told_with_its_reason() {
    let scene = Scene::set().await;
    let order = scene.place(4290).await;
    let worker = Worker::start(&scene.queues, &scene.database, |_| {}).await;
    let told = scene.results(1).await;
    worker.stop().await;

    let row = scene.row(&order).await;
    assert_eq!((row.state.as_str(), row.reason.as_deref()), ("DECLINED", Some("insufficient funds")));
    assert_is_like(DECLINED, &told[0], &order, &row.payment_id);
    scene.at_rest().await;
}

#[tokio::test]
async fn an_order_that_fails_twice_is_charged_at_the_third_attempt_and_told_once() {
    let scene = Scene::set().await;
    let order = scene.place(4292).await;
    let worker = Worker::start(&scene.queues, &scene.database, |_| {}).await;
    let told = scene.results(1).await;
    worker.stop().await;

    assert_eq!(told[0].event.subject, order.order_id);
    let row = scene.row(&order).await;
    assert_eq!((row.state.as_str(), row.attempt), ("SUCCEEDED", 3));
    // A second result would still be in its queue.
    scene.at_rest().await;
}

#[tokio::test]
async fn an_order_that_always_fails_is_dead_lettered_by_the_queue_after_five_receives() {
    let scene = Scene::set().await;
    let order = order(4293);
    let body = created(&order);
    scene.queues.send("orders", &body).await;
    let worker = Worker::start(&scene.queues, &scene.database, |_| {}).await;
    let letter = scene.queues.take("orders-dlq").await;
    worker.stop().await;

    assert_eq!(letter.body, body);
    assert_eq!(letter.attributes.get("failure-type"), None, "the queue moved it, nobody sent it");
    let row = scene.row(&order).await;
    assert_eq!((row.state.as_str(), row.attempt), ("CHARGING", 5));
    scene.at_rest_but_for(&[&order]).await;
}

#[tokio::test]
async fn a_charge_slower_than_the_visibility_timeout_is_received_and_charged_once() {
    let scene = Scene::set().await;
    let order = scene.place(4294).await;
    let worker = Worker::start(&scene.queues, &scene.database, |settings| {
        settings.consumer.visibility_timeout = Some(Duration::from_secs(6));
    })
    .await;
    let told = scene.results(1).await;
    let series = format!(
        "messaging_client_consumed_messages_total{{messaging_operation_name=\"receive\",messaging_destination_name=\"{}\"}}",
        scene.queues.name("orders")
    );
    assert_eq!(worker.metric(&series).await, Some(1.0));
    worker.stop().await;

    assert_eq!(told[0].event.subject, order.order_id);
    assert_eq!(scene.row(&order).await.attempt, 1);
    scene.at_rest().await;
}
