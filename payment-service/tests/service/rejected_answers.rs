//! Answers that end an order: refused for good, or declined in whatever words.

use std::collections::{BTreeMap, HashMap};

use contracts::PaymentEvent;
use testbed::{CountingProvider, Reply};

use crate::scene::{created, order};
use crate::worker::asking;
use crate::{Scene, Worker};

/// What SQS takes in a message: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>.
fn is_sendable(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[tokio::test]
async fn an_order_that_the_provider_refuses_is_dead_lettered_and_can_be_redriven() {
    let scene = Scene::set().await;
    let statuses = [400, 405, 406, 410, 422];
    let provider = CountingProvider::deciding(|order, asked| match (asked, order["amount"].as_u64()) {
        (1, Some(status)) => Reply::Answer(status as u16, vec![], "never".to_owned()),
        _ => Reply::Charge,
    })
    .await;
    let orders = statuses.map(order);
    let bodies: Vec<String> = orders.iter().map(created).collect();
    scene.queues.send_all("orders", &bodies).await;
    let worker = Worker::start(&scene.queues, &scene.database, asking(&provider)).await;
    let mut letters = BTreeMap::new();
    for _ in &orders {
        let letter = scene.queues.take("orders-dlq").await;
        assert_eq!(letter.attributes["failure-type"], "provider-refused");
        assert_eq!(letter.attributes["receive-count"], "1");
        letters.insert(letter.body, letter.attributes["failure-reason"].clone());
    }
    for (order, body) in orders.iter().zip(&bodies) {
        assert!(letters[body].contains(&order.amount.to_string()), "says the status: {}", letters[body]);
        assert_eq!(scene.row(order).await.state, "CHARGING");
    }
    assert_eq!((provider.executions(), scene.outbox().await), (HashMap::new(), 0));

    // Somebody has put it right at the provider's.
    scene.queues.send_all("orders", &bodies).await;
    scene.results(orders.len()).await;
    worker.stop().await;
    for order in &orders {
        let row = scene.row(order).await;
        assert_eq!((row.state.as_str(), row.attempt), ("SUCCEEDED", 2));
    }
    scene.at_rest().await;
}

/// The reason that is told of an order which the provider declines for `reason`.
async fn told_reason(reason: &str) -> String {
    let scene = Scene::set().await;
    let no = serde_json::json!({ "status": "declined", "reason": reason }).to_string();
    let provider = CountingProvider::deciding(move |_, _| Reply::Answer(402, vec![], no.clone())).await;
    let order = scene.place(4200).await;
    let worker = Worker::start(&scene.queues, &scene.database, asking(&provider)).await;
    let told = scene.results(1).await;
    worker.stop().await;
    assert_eq!(scene.row(&order).await.attempt, 1);
    scene.at_rest().await;
    assert!(told[0].message.body.chars().all(is_sendable), "SQS would never take it: {:?}", told[0].message.body);
    match &told[0].event.payload {
        PaymentEvent::Declined(payment) => payment.reason.clone(),
        other => panic!("it was declined: {other:?}"),
    }
}

#[tokio::test]
async fn a_reason_is_told_without_control_characters() {
    assert_eq!(told_reason("no\0 \u{1b}[31mfunds\r\n").await, "no [31mfunds");
}

#[tokio::test]
async fn a_reason_with_characters_that_sqs_refuses_is_told_all_the_same() {
    assert!(told_reason("no\u{ffff} funds\u{fffe}").await.starts_with("no"));
}

#[tokio::test]
async fn a_very_long_reason_is_shortened() {
    let reason = told_reason(&"ü€𝄞".repeat(5_000)).await;
    assert!(reason.starts_with("ü€𝄞ü€𝄞"), "{reason}");
    assert_eq!(reason.chars().count(), 200);
}

#[tokio::test]
async fn a_no_without_a_reason_is_told_all_the_same() {
    for nothing in ["", "\0\u{7f}"] {
        assert!(!told_reason(nothing).await.is_empty());
    }
}

#[tokio::test]
async fn a_charge_id_of_any_length_does_no_harm() {
    let scene = Scene::set().await;
    let yes = serde_json::json!({ "id": "\0x".repeat(5_000), "status": "succeeded" }).to_string();
    let provider = CountingProvider::deciding(move |_, _| Reply::Answer(201, vec![], yes.clone())).await;
    let order = scene.place(4200).await;
    let worker = Worker::start(&scene.queues, &scene.database, asking(&provider)).await;
    scene.results(1).await;
    worker.stop().await;
    assert_eq!(scene.row(&order).await.charge_id, Some("x".repeat(200)));
    scene.at_rest().await;
}
