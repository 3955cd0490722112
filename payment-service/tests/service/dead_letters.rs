//! Messages that can never be handled: kept, with the reason, and in nobody's way.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sqs::OutgoingMessage;
use testbed::CountingProvider;

use crate::scene::{created, order};
use crate::worker::asking;
use crate::{Scene, Worker};

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// The message of an order, with the place that `pointer` names changed.
fn broken(pointer: &str, to: Value) -> String {
    let mut event: Value = serde_json::from_str(&created(&order(4200))).unwrap();
    *event.pointer_mut(pointer).unwrap() = to;
    event.to_string()
}

/// Bodies that nobody can act on, each with its failure type.
fn poison() -> Vec<(String, &'static str)> {
    let mut cut = created(&order(4200));
    cut.truncate(100);
    vec![
        ("not JSON".to_owned(), "undecodable"),
        (cut, "undecodable"),
        (r#"{"orderId":"1","amount":4200}"#.to_owned(), "undecodable"),
        (broken("/data/amount", json!(0)), "undecodable"),
        (broken("/data/amount", json!(-4200)), "undecodable"),
        (broken("/data/amount", json!(42.5)), "undecodable"),
        (broken("/data/currency", json!("dollars")), "undecodable"),
        (broken("/subject", json!(order(1).order_id)), "undecodable"),
        (broken("/type", json!("order.created.v2")), "unknown-type"),
        (broken("/type", json!("payment.succeeded.v1")), "unknown-type"),
        // Unprintable once it is decoded.
        (broken("/type", json!("order.X.v1")).replace('X', r"\uffff\u001b"), "unknown-type"),
        (broken("/specversion", json!("0.3")), "unknown-type"),
    ]
}

fn message(body: &str, attributes: &[(String, String)]) -> OutgoingMessage {
    OutgoingMessage::new(body).with_attributes(attributes.iter().cloned().collect())
}

/// Every attribute value that SQS takes has only these.
fn is_sendable(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[tokio::test]
async fn what_nobody_can_act_on_is_dead_lettered_with_its_reason_and_otherwise_unchanged() {
    let scene = Scene::set().await;
    let provider = CountingProvider::start().await;
    let orders = scene.queues.queue("orders");
    let mut sent = BTreeMap::new();
    for (body, kind) in poison() {
        let attributes = [("traceparent".to_owned(), TRACEPARENT.to_owned()), ("tenant".to_owned(), "7".to_owned())];
        let id = orders.send(&[message(&body, &attributes)]).await.unwrap().remove(0).unwrap();
        sent.insert(id, (body, kind));
    }
    let worker = Worker::start(&scene.queues, &scene.database, asking(&provider)).await;
    for _ in 0..sent.len() {
        let letter = scene.queues.take("orders-dlq").await;
        let (body, kind) = sent.remove(&letter.attributes["source-message-id"]).expect("each comes once");
        assert_eq!(letter.body, body);
        assert_eq!(letter.attributes["failure-type"], kind, "{body}");
        assert_eq!(letter.attributes["receive-count"], "1");
        assert_eq!(letter.attributes["traceparent"], TRACEPARENT);
        assert_eq!(letter.attributes["tenant"], "7");
        let reason = &letter.attributes["failure-reason"];
        assert!(reason.len() > 10 && reason.chars().all(is_sendable), "{reason:?}");
    }
    worker.stop().await;
    assert!(scene.rows().await.is_empty() && provider.executions().is_empty(), "nothing was guessed at");
    scene.at_rest().await;
}

#[tokio::test]
async fn a_message_with_as_many_attributes_as_sqs_allows_keeps_its_trace_when_it_is_dead_lettered() {
    let scene = Scene::set().await;
    let mut attributes: Vec<_> = (0..9).map(|n| (format!("attribute-{n}"), n.to_string())).collect();
    attributes.push(("traceparent".to_owned(), TRACEPARENT.to_owned()));
    let sent = scene.queues.queue("orders").send(&[message("not JSON", &attributes)]).await.unwrap();
    assert!(sent[0].is_ok());
    let worker = Worker::start(&scene.queues, &scene.database, |_| {}).await;
    let letter = scene.queues.take("orders-dlq").await;
    worker.stop().await;
    assert_eq!(letter.attributes["failure-type"], "undecodable");
    assert_eq!(letter.attributes.get("traceparent").map(String::as_str), Some(TRACEPARENT));
    scene.at_rest().await;
}

#[tokio::test]
async fn poison_does_not_stop_the_orders_around_it() {
    let scene = Scene::set().await;
    let orders: Vec<_> = (0..36).map(|n| order(1000 + n)).collect();
    let mut bodies: Vec<String> = orders.iter().map(created).collect();
    let poison: Vec<String> = poison().into_iter().map(|(body, _)| body).collect();
    for (n, body) in poison.iter().enumerate() {
        bodies.insert(n * 4, body.clone());
    }
    scene.queues.send_all("orders", &bodies).await;
    let worker = Worker::start(&scene.queues, &scene.database, |settings| settings.consumer.concurrency = 4).await;
    let told: BTreeSet<_> = scene.results(orders.len()).await.into_iter().map(|told| told.event.subject).collect();
    let mut letters = Vec::new();
    for _ in &poison {
        letters.push(scene.queues.take("orders-dlq").await.body);
    }
    worker.stop().await;
    assert_eq!(told, orders.iter().map(|order| order.order_id).collect());
    assert_eq!(letters.iter().collect::<BTreeSet<_>>(), poison.iter().collect());
    scene.at_rest().await;
}
