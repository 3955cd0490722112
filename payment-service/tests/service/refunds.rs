//! What the provider answers to a refund, and what becomes of the cancellation.

use std::collections::HashMap;

use contracts::OrderCreated;
use testbed::{CountingProvider, Reply};

use crate::scene::cancelled;
use crate::worker::asking;
use crate::{Scene, Worker};

fn answer(status: u16, body: &str) -> Reply {
    Reply::Answer(status, vec![], body.to_owned())
}

/// A provider whose first answer to the refund of `1000 + n` cents is the n-th of `first`; from then on it refunds.
async fn at_first(first: Vec<Reply>) -> CountingProvider {
    let refund = move |refund: &serde_json::Value, asked| {
        let n = refund["amount"].as_u64().unwrap() - 1000;
        if asked == 1 { first[n as usize].clone() } else { Reply::Charge }
    };
    CountingProvider::deciding_both(|_, _| Reply::Charge, refund).await
}

/// Orders of 1000, 1001 … cents, charged.
async fn charged(scene: &Scene, count: usize) -> Vec<OrderCreated> {
    let orders = scene.place_all((0..count as i64).map(|n| 1000 + n)).await;
    scene.results(count).await;
    orders
}

async fn take_back(scene: &Scene, orders: &[OrderCreated]) {
    scene.queues.send_all("orders", &orders.iter().map(cancelled).collect::<Vec<_>>()).await;
}

/// Each was asked for twice, under its one key, and refunded once.
async fn assert_refunded_at_the_second_try(scene: &Scene, provider: &CountingProvider, orders: &[OrderCreated]) {
    let refunds = provider.refunds();
    for order in orders {
        let (id, row) = (order.order_id.to_string(), scene.row(order).await);
        assert_eq!(row.state, "REFUNDED", "{order:?}");
        assert_eq!((provider.asked(&format!("refund-{id}")), &refunds[&id]), (2, &vec![order.amount]), "{order:?}");
    }
}

async fn each_is_tried_again(first: Vec<Reply>) {
    let scene = Scene::set().await;
    let count = first.len();
    let provider = at_first(first).await;
    let worker = Worker::start(&scene.queues, &scene.database, asking(&provider)).await;
    let orders = charged(&scene, count).await;
    take_back(&scene, &orders).await;
    scene.results(count).await;
    worker.stop().await;
    assert_refunded_at_the_second_try(&scene, &provider, &orders).await;
    scene.at_rest().await;
}

#[tokio::test]
async fn a_provider_that_cannot_refund_now_is_asked_again_with_the_same_key() {
    each_is_tried_again([401, 408, 409, 429, 500, 503, 301].map(|status| answer(status, "not now")).to_vec()).await;
}

#[tokio::test]
async fn an_answer_to_a_refund_that_is_not_what_was_agreed_on_is_asked_for_again() {
    each_is_tried_again(vec![
        answer(200, ""),
        answer(201, r#"{"status":"refunded"}"#),
        answer(200, r#"{"id":"refund-1","status":"succeeded"}"#),
        answer(201, r#"{"status":"voided"}"#),
    ])
    .await;
}

#[tokio::test]
async fn an_answer_lost_after_the_refund_is_asked_for_again_and_nothing_is_refunded_twice() {
    each_is_tried_again(vec![Reply::ChargeAndHangUp; 3]).await;
}

#[tokio::test]
async fn a_refund_that_the_provider_refuses_is_dead_lettered_and_can_be_redriven() {
    let scene = Scene::set().await;
    let statuses = [400, 402, 422];
    let provider = at_first(statuses.map(|status| answer(status, "never")).to_vec()).await;
    let worker = Worker::start(&scene.queues, &scene.database, asking(&provider)).await;
    let orders = charged(&scene, statuses.len()).await;
    take_back(&scene, &orders).await;
    let mut bodies = Vec::new();
    for _ in &orders {
        let letter = scene.queues.take("orders-dlq").await;
        assert_eq!(letter.attributes["failure-type"], "provider-refused");
        assert_eq!(letter.attributes["receive-count"], "1");
        bodies.push(letter.body);
    }
    for order in &orders {
        assert_eq!(scene.row(order).await.state, "CANCELLING");
    }
    // Somebody has put it right at the provider's.
    scene.queues.send_all("orders", &bodies).await;
    scene.results(orders.len()).await;
    worker.stop().await;
    assert_refunded_at_the_second_try(&scene, &provider, &orders).await;
    scene.at_rest().await;
}

#[tokio::test]
async fn a_charge_that_the_provider_no_longer_knows_is_never_taken_for_cancelled() {
    let scene = Scene::set().await;
    let voided = |_: &serde_json::Value, _| answer(200, r#"{"status":"voided"}"#);
    let provider = CountingProvider::deciding_both(|_, _| Reply::Charge, voided).await;
    let worker = Worker::start(&scene.queues, &scene.database, asking(&provider)).await;
    let orders = charged(&scene, 1).await;
    take_back(&scene, &orders).await;
    let letter = scene.queues.take("orders-dlq").await;
    worker.stop().await;
    assert_eq!(letter.attributes.get("failure-type"), None, "it was tried until the queue gave up");
    assert_eq!(provider.refunds(), HashMap::new());
    assert_eq!(scene.row(&orders[0]).await.state, "CANCELLING");
    scene.at_rest_but_for(&[&orders[0]]).await;
}
