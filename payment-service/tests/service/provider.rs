//! What the provider answers, and what becomes of the order.

use std::time::Duration;

use contracts::OrderCreated;
use testbed::{CountingProvider, FaultyProxy, Reply, eventually};

use crate::worker::{asking, visibility_timeouts};
use crate::{Scene, Worker};

fn answer(status: u16, body: &str) -> Reply {
    Reply::Answer(status, vec![], body.to_owned())
}

/// A provider whose first answer to the order of `1000 + n` cents is the n-th of `first`; from then on it charges.
async fn at_first(first: Vec<Reply>) -> CountingProvider {
    CountingProvider::deciding(move |order, asked| {
        let n = order["amount"].as_u64().unwrap() - 1000;
        if asked == 1 { first[n as usize].clone() } else { Reply::Charge }
    })
    .await
}

/// Each order was asked for twice, under its one key, charged once and told once.
async fn assert_charged_at_the_second_attempt(scene: &Scene, provider: &CountingProvider, orders: &[OrderCreated]) {
    let executions = provider.executions();
    for order in orders {
        let key = order.order_id.to_string();
        assert_eq!((provider.asked(&key), executions.get(&key)), (2, Some(&vec![order.amount])), "{order:?}");
        let row = scene.row(order).await;
        assert_eq!((row.state.as_str(), row.attempt), ("SUCCEEDED", 2), "{order:?}");
        assert_eq!(row.charge_id, Some(format!("charge-{key}")));
    }
}

/// Has as many orders charged as there are first answers.
async fn each_is_tried_again(first: Vec<Reply>) {
    let scene = Scene::set().await;
    let amounts = (0..first.len() as i64).map(|n| 1000 + n);
    let provider = at_first(first).await;
    let orders = scene.place_all(amounts).await;
    let worker = Worker::start(&scene.queues, &scene.database, asking(&provider)).await;
    scene.results(orders.len()).await;
    worker.stop().await;
    assert_charged_at_the_second_attempt(&scene, &provider, &orders).await;
    scene.at_rest().await;
}

#[tokio::test]
async fn a_provider_that_cannot_answer_now_is_asked_again_with_the_same_key() {
    let statuses = [408, 409, 429, 500, 502, 503, 504, 301];
    // What else it says is not read.
    each_is_tried_again(statuses.map(|status| answer(status, &"x".repeat(1 << 20))).to_vec()).await;
}

#[tokio::test]
async fn a_yes_or_a_no_that_is_not_what_was_agreed_on_is_asked_for_again() {
    each_is_tried_again(vec![
        answer(200, ""),
        answer(200, "<html>Welcome to the hotel's network</html>"),
        answer(201, r#"{"status":"succeeded"}"#),
        answer(201, r#"{"id":"","status":"succeeded"}"#),
        answer(200, r#"{"id":"charge-1","status":"pending"}"#),
        answer(402, "Payment required"),
        answer(402, r#"{"id":"charge-1","status":"succeeded"}"#),
        answer(201, &format!(r#"{{"id":"charge-1","status":"succeeded","pad":"{}"}}"#, "x".repeat(1 << 20))),
    ])
    .await;
}

#[tokio::test]
async fn an_answer_lost_after_the_charge_is_asked_for_again_and_nothing_is_charged_twice() {
    each_is_tried_again(vec![Reply::ChargeAndHangUp; 5]).await;
}

#[tokio::test]
async fn a_provider_that_does_not_answer_in_time_is_asked_again() {
    // The client gives up after 10 s.
    each_is_tried_again(vec![Reply::ChargeSlowly(Duration::from_secs(3600))]).await;
}

#[tokio::test]
async fn both_words_for_yes_are_understood() {
    let scene = Scene::set().await;
    let provider = CountingProvider::deciding(|order, _| match order["amount"].as_u64() {
        Some(200) => answer(200, r#"{"id":"charge-200","status":"succeeded"}"#),
        _ => answer(201, r#"{"id":"charge-201","status":"succeeded","more":{"of":"it"}}"#),
    })
    .await;
    let orders = scene.place_all([200, 201]).await;
    let worker = Worker::start(&scene.queues, &scene.database, asking(&provider)).await;
    scene.results(2).await;
    worker.stop().await;
    for order in &orders {
        let row = scene.row(order).await;
        assert_eq!((row.charge_id, row.attempt), (Some(format!("charge-{}", order.amount)), 1));
    }
    scene.at_rest().await;
}

#[tokio::test]
async fn a_provider_that_fails_and_says_when_to_ask_again_is_left_alone_until_then() {
    let scene = Scene::set().await;
    let busy = |status, seconds: &str| Reply::Answer(status, vec![("retry-after", seconds.to_owned())], String::new());
    let unusable = "soon";
    let provider = at_first(vec![busy(500, "3"), busy(409, "5"), busy(500, unusable)]).await;
    let orders = scene.place_all(1000..1003).await;
    let proxy = FaultyProxy::start(&scene.queues.url).await;
    let worker = Worker::start_through(&proxy.url, &scene.queues, &scene.database, asking(&provider)).await;
    scene.results(3).await;
    worker.stop().await;

    // The worker's own backoff is 1 s at most here.
    let hidden = visibility_timeouts(&proxy);
    assert!([3, 5].iter().all(|seconds| hidden.iter().any(|(hidden, _)| hidden == seconds)), "{hidden:?}");
    assert_charged_at_the_second_attempt(&scene, &provider, &orders).await;
    scene.at_rest().await;
}

#[tokio::test]
async fn a_provider_that_says_never_is_asked_again_after_an_hour() {
    let scene = Scene::set().await;
    let never = vec![("retry-after", u64::MAX.to_string())];
    let provider = CountingProvider::deciding(move |_, _| Reply::Answer(409, never.clone(), String::new())).await;
    let order = scene.place(4200).await;
    let proxy = FaultyProxy::start(&scene.queues.url).await;
    let worker = Worker::start_through(&proxy.url, &scene.queues, &scene.database, asking(&provider)).await;
    let put_off = async || visibility_timeouts(&proxy).into_iter().find(|(seconds, _)| *seconds == 3600);
    let (_, handle) = eventually("it is put off", put_off).await;
    worker.stop().await;
    scene.queues.delete("orders", &handle).await;
    scene.at_rest_but_for(&[&order]).await;
}
