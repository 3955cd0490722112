//! Whatever the worker stands on fails, and comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};
use testbed::{CountingProvider, Fault, FaultyProxy, Queues, eventually};

use crate::worker::asking;
use crate::{Scene, Worker};

async fn readiness(worker: &Worker) -> (u16, Value) {
    let answer = worker.get("/readyz").await;
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn expect_ready(worker: &Worker) {
    eventually("the worker is ready", async || (readiness(worker).await.0 == 200).then_some(())).await;
}

#[tokio::test]
async fn a_worker_that_starts_before_its_queues_charges_once_they_are_there() {
    let scene = Scene::set_with(Queues::none_yet().await).await;
    let worker = Worker::start(&scene.queues, &scene.database, |_| {}).await;
    let not_ready = json!({ "status": "not ready", "database": "up", "queue": "down" });
    assert_eq!(readiness(&worker).await, (503, not_ready));
    scene.queues.create().await;
    let order = scene.place(4200).await;
    assert_eq!(scene.results(1).await[0].event.subject, order.order_id);
    expect_ready(&worker).await;
    worker.stop().await;
    scene.at_rest().await;
}

#[tokio::test]
async fn a_worker_that_starts_before_its_queues_is_ready_once_they_are_there() {
    let scene = Scene::set_with(Queues::none_yet().await).await;
    let proxy = FaultyProxy::start(&scene.queues.url).await;
    let worker = Worker::start_through(&proxy.url, &scene.queues, &scene.database, |_| {}).await;
    eventually("both queues were asked for", async || (proxy.count("GetQueueUrl") >= 2).then_some(())).await;
    scene.queues.create().await;
    // Without an order: an orchestrator may send none to what is not ready.
    expect_ready(&worker).await;
    worker.stop().await;
    scene.at_rest().await;
}

#[tokio::test]
async fn a_queue_that_answers_with_errors_is_polled_again() {
    let scene = Scene::set().await;
    let proxy = FaultyProxy::start(&scene.queues.url).await;
    let worker = Worker::start_through(&proxy.url, &scene.queues, &scene.database, |_| {}).await;
    expect_ready(&worker).await;
    proxy.fail(|action, _| match action {
        "ReceiveMessage" => Fault::Error(500, "InternalError"),
        _ => Fault::None,
    });
    let down = async || (readiness(&worker).await.0 == 503).then_some(());
    eventually("the worker is no longer ready", down).await;
    assert_eq!(worker.get("/healthz").await.status(), 200, "a restart would not help");
    let order = scene.place(4200).await;
    proxy.heal();
    assert_eq!(scene.results(1).await[0].event.subject, order.order_id);
    expect_ready(&worker).await;
    worker.stop().await;
    scene.at_rest().await;
}

#[tokio::test]
async fn a_receive_that_is_never_answered_is_given_up_and_repeated() {
    let scene = Scene::set().await;
    let proxy = FaultyProxy::start(&scene.queues.url).await;
    let hung = Arc::new(AtomicBool::new(false));
    proxy.fail({
        let hung = hung.clone();
        move |action, _| match action {
            "ReceiveMessage" if !hung.swap(true, Ordering::SeqCst) => Fault::Hang,
            _ => Fault::None,
        }
    });
    let order = scene.place(4200).await;
    let worker = Worker::start_through(&proxy.url, &scene.queues, &scene.database, |_| {}).await;
    assert_eq!(scene.results(1).await[0].event.subject, order.order_id);
    assert!(hung.load(Ordering::SeqCst));
    worker.stop().await;
    scene.at_rest().await;
}

#[tokio::test]
async fn orders_are_charged_while_results_cannot_be_told_and_told_once_they_can() {
    let scene = Scene::set().await;
    let proxy = FaultyProxy::start(&scene.queues.url).await;
    proxy.fail(|action, _| match action {
        "SendMessageBatch" => Fault::Error(503, "ServiceUnavailable"),
        _ => Fault::None,
    });
    let orders = scene.place_all(1000..1020).await;
    let worker = Worker::start_through(&proxy.url, &scene.queues, &scene.database, |_| {}).await;
    eventually("all are charged", async || (scene.outbox().await == 20).then_some(())).await;
    assert!(scene.rows().await.iter().all(|row| row.state == "SUCCEEDED"));
    assert!(scene.results_now().await.is_empty());
    proxy.heal();
    assert_eq!(scene.results(orders.len()).await.len(), orders.len());
    worker.stop().await;
    scene.at_rest().await;
}

#[tokio::test]
async fn deletes_that_fail_are_repeated_and_nothing_is_charged_twice() {
    let scene = Scene::set().await;
    let provider = CountingProvider::start().await;
    let proxy = FaultyProxy::start(&scene.queues.url).await;
    let deletes = AtomicUsize::new(0);
    proxy.fail(move |action, _| match action {
        "DeleteMessageBatch" => match deletes.fetch_add(1, Ordering::SeqCst) {
            ..3 => Fault::AnswerLost,
            3..6 => Fault::HalfFailed { code: "InternalError", sender_fault: false },
            _ => Fault::None,
        },
        _ => Fault::None,
    });
    let orders = scene.place_all(1000..1030).await;
    let worker = Worker::start_through(&proxy.url, &scene.queues, &scene.database, asking(&provider)).await;
    assert_eq!(scene.results(orders.len()).await.len(), orders.len());
    worker.stop().await;
    // Each of the three lost ones was repeated at least once, into the half-failed ones.
    assert!(proxy.count("DeleteMessageBatch") >= 6);
    for order in &orders {
        assert_eq!(provider.asked(&order.order_id.to_string()), 1);
    }
    scene.at_rest().await;
}
