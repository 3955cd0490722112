//! A provider that is away: that is nobody's fault, so no order uses up a receive, and all are paid once it is back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::join_all;
use testbed::{CountingProvider, FaultyProxy, Reply, eventually, never};

use crate::scene::{created, order};
use crate::worker::asking;
use crate::{Scene, Worker};

/// More often than a message may be received.
const OFTEN: usize = 6;

/// How many messages have been settled in this way.
async fn settled(scene: &Scene, worker: &Worker, outcome: &str) -> f64 {
    let queue = scene.queues.name("orders");
    let series = format!("messages_settled_total{{queue=\"{queue}\",outcome=\"{outcome}\"}}");
    worker.metric(&series).await.unwrap_or(0.0)
}

/// A lone order whose provider answers like this for longer than the receives would last.
async fn is_held_through(status: u16) {
    let scene = Scene::set().await;
    let provider = CountingProvider::deciding(move |_, asked| match asked {
        ..=OFTEN => Reply::Answer(status, vec![], "<html>who are you looking for?</html>".to_owned()),
        _ => Reply::Charge,
    })
    .await;
    let worker = Worker::start(&scene.queues, &scene.database, asking(&provider)).await;
    let order = scene.place(4200).await;
    assert_eq!(scene.results(1).await[0].event.subject, order.order_id, "{status}");
    assert_eq!(settled(&scene, &worker, "retry").await, 0.0, "{status}: a receive was used up");
    worker.stop().await;
    assert_eq!(provider.executions().len(), 1);
    scene.at_rest().await;
}

#[tokio::test]
async fn a_lone_order_outlasts_a_provider_that_is_away_whatever_answers_in_its_place() {
    // A key that has expired and a path that is wrong are every order's trouble alike.
    for statuses in [[401, 403, 404, 407, 408], [425, 429, 502, 503, 504]] {
        join_all(statuses.map(is_held_through)).await;
    }
}

#[tokio::test]
async fn a_lone_order_outlasts_a_provider_that_does_not_listen() {
    let scene = Scene::set().await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{port}").parse().unwrap();
    let worker = Worker::start(&scene.queues, &scene.database, |settings| settings.provider_url = Some(url)).await;
    let order = scene.place(4200).await;
    let tried = async || worker.metric("charges_total{outcome=\"away\"}").await.filter(|tried| *tried > OFTEN as f64);
    eventually("it is tried often", tried).await;
    assert_eq!(settled(&scene, &worker, "retry").await, 0.0);
    worker.stop().await;

    // The stop has given it back.
    let worker = Worker::start(&scene.queues, &scene.database, |_| {}).await;
    assert_eq!(scene.results(1).await[0].event.subject, order.order_id);
    worker.stop().await;
    scene.at_rest().await;
}

#[tokio::test]
async fn with_many_orders_waiting_nothing_is_received_until_the_provider_is_back() {
    let scene = Scene::set().await;
    let away = Arc::new(AtomicBool::new(true));
    let provider = CountingProvider::deciding({
        let away = away.clone();
        move |_, _| match away.load(Ordering::SeqCst) {
            true => Reply::Answer(503, vec![], String::new()),
            false => Reply::Charge,
        }
    })
    .await;
    let orders = scene.place_all(1000..1200).await;
    let proxy = FaultyProxy::start(&scene.queues.url).await;
    let worker = Worker::start_through(&proxy.url, &scene.queues, &scene.database, asking(&provider)).await;
    let asked = || orders.iter().map(|order| provider.asked(&order.order_id.to_string())).sum::<usize>();
    // All slots are taken by then, and those who have them take turns.
    eventually("many tries", async || (asked() >= 80).then_some(())).await;
    let receives = proxy.count("ReceiveMessage");
    let two_more = eventually("two more tries", async || (asked() >= 82).then_some(()));
    never("a receive", two_more, async || proxy.count("ReceiveMessage") > receives).await;
    assert!(provider.executions().is_empty());

    away.store(false, Ordering::SeqCst);
    assert_eq!(scene.results(orders.len()).await.len(), orders.len());
    assert_eq!(settled(&scene, &worker, "retry").await, 0.0, "a receive was used up");
    worker.stop().await;
    assert_eq!(provider.executions().len(), orders.len());
    scene.at_rest().await;
}

#[tokio::test]
async fn an_order_that_the_provider_alone_is_away_for_is_dead_lettered_and_holds_up_nobody() {
    let scene = Scene::set().await;
    let provider = CountingProvider::deciding(|order, _| match order["amount"].as_u64() {
        Some(666) => Reply::Answer(503, vec![], String::new()),
        _ => Reply::Charge,
    })
    .await;
    let worker = Worker::start(&scene.queues, &scene.database, asking(&provider)).await;
    let bad = order(666);
    let body = created(&bad);
    scene.queues.send("orders", &body).await;
    let mut others = Vec::new();
    eventually("it is dead-lettered", async || {
        others.push(scene.place(4200).await);
        scene.results(1).await;
        (scene.queues.reported("orders-dlq").await == 1).then_some(())
    })
    .await;
    worker.stop().await;
    assert_eq!(scene.queues.take("orders-dlq").await.body, body);
    assert!(provider.asked(&bad.order_id.to_string()) >= 5);
    assert_eq!(provider.executions().len(), others.len());
    scene.at_rest_but_for(&[&bad]).await;
}
