//! Stopping loses nothing.

use std::time::Duration;

use contracts::OrderCreated;
use testbed::{CountingProvider, Fault, FaultyProxy, Reply, eventually};

use crate::worker::asking;
use crate::{Scene, Worker};

/// Waits until the provider has been asked for each of `orders`.
async fn under_way(provider: &CountingProvider, orders: &[OrderCreated]) {
    let asked = |order: &OrderCreated| provider.asked(&order.order_id.to_string());
    let all = async || orders.iter().all(|order| asked(order) == 1).then_some(());
    eventually("all orders are under way", all).await;
}

#[tokio::test]
async fn a_worker_that_stops_finishes_what_is_under_way_and_tells_it_before_it_ends() {
    let scene = Scene::set().await;
    let provider = CountingProvider::deciding(|_, _| Reply::ChargeSlowly(Duration::from_secs(3))).await;
    let orders = scene.place_all(1000..1025).await;
    let worker = Worker::start(&scene.queues, &scene.database, asking(&provider)).await;
    under_way(&provider, &orders).await;
    worker.stop().await;

    assert_eq!(scene.results_now().await.len(), orders.len());
    assert_eq!(provider.executions().len(), orders.len());
    assert!(scene.rows().await.iter().all(|row| row.attempt == 1));
    scene.at_rest().await;
}

#[tokio::test]
async fn what_is_not_finished_at_the_deadline_is_given_back_and_charged_once_by_another_worker() {
    let scene = Scene::set().await;
    let provider = CountingProvider::deciding(|_, asked| match asked {
        1 => Reply::ChargeSlowly(Duration::from_secs(3600)),
        _ => Reply::Charge,
    })
    .await;
    let orders = scene.place_all(1000..1012).await;
    let first = Worker::start(&scene.queues, &scene.database, |settings| {
        asking(&provider)(settings);
        settings.consumer.shutdown_timeout = Duration::from_secs(1);
        // Its half is how long the claims of the first worker keep the second one away.
        settings.consumer.visibility_timeout = Some(Duration::from_secs(10));
    })
    .await;
    under_way(&provider, &orders).await;
    first.stop().await;

    assert_eq!(scene.queues.visible("orders").await, orders.len(), "given back at once");

    let second = Worker::start(&scene.queues, &scene.database, asking(&provider)).await;
    assert_eq!(scene.results(orders.len()).await.len(), orders.len());
    second.stop().await;
    for order in &orders {
        let key = order.order_id.to_string();
        assert_eq!((provider.asked(&key), &provider.executions()[&key]), (2, &vec![order.amount]));
        assert_eq!(scene.row(order).await.attempt, 2);
    }
    scene.at_rest().await;
}

#[tokio::test]
async fn an_order_that_comes_while_the_worker_stops_is_not_held_back() {
    let scene = Scene::set().await;
    let provider = CountingProvider::start().await;
    let proxy = FaultyProxy::start(&scene.queues.url).await;
    let first = Worker::start_through(&proxy.url, &scene.queues, &scene.database, |settings| {
        asking(&provider)(settings);
        settings.consumer.long_poll = Duration::from_secs(3);
    })
    .await;
    eventually("a receive is open", async || (proxy.count("ReceiveMessage") == 1).then_some(())).await;
    first.tell_to_stop();
    let order = scene.place(4200).await;
    first.stop().await;

    assert_eq!(scene.queues.visible("orders").await, 1, "given back, if it was received at all");
    assert!(scene.rows().await.is_empty(), "a worker that stops begins nothing");

    let second = Worker::start(&scene.queues, &scene.database, asking(&provider)).await;
    assert_eq!(scene.results(1).await[0].event.subject, order.order_id);
    second.stop().await;
    scene.at_rest().await;
}

#[tokio::test]
async fn results_that_cannot_be_told_at_the_stop_are_told_by_the_next_worker() {
    let scene = Scene::set().await;
    let proxy = FaultyProxy::start(&scene.queues.url).await;
    proxy.fail(|action, _| match action {
        "SendMessageBatch" => Fault::Error(503, "ServiceUnavailable"),
        _ => Fault::None,
    });
    let orders = scene.place_all(1000..1015).await;
    let first = Worker::start_through(&proxy.url, &scene.queues, &scene.database, |_| {}).await;
    eventually("all are charged", async || (scene.outbox().await == 15).then_some(())).await;
    first.stop().await;
    assert!(scene.results_now().await.is_empty());
    scene.queues.expect_empty("orders").await;

    let second = Worker::start(&scene.queues, &scene.database, |_| {}).await;
    assert_eq!(scene.results(orders.len()).await.len(), orders.len());
    second.stop().await;
    assert!(scene.rows().await.iter().all(|row| row.attempt == 1), "nothing was charged again");
    scene.at_rest().await;
}
