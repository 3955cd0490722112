//! What can never be handled goes to the dead-letter queue with its reason; until it is there, it stays where it is.

use std::collections::HashSet;
use std::time::Duration;

use sqs::dead_letter::{Browser, FAILURE_REASON, FAILURE_TYPE, RECEIVE_COUNT, Redrive, SOURCE_MESSAGE_ID};
use testbed::{Fault, eventually};

use crate::{Scene, config, reject};

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const SEND: &str = "SendMessageBatch";
const DELETE: &str = "DeleteMessageBatch";

#[tokio::test]
async fn a_rejected_message_keeps_its_body_and_attributes_and_tells_why_it_is_there() {
    let scene = Scene::start().await;
    scene.queues.send_with("orders", "<no json>", &[("traceparent", TRACEPARENT), ("tenant", "blue")]).await;
    let consumer = scene.consume(config(), |_| reject("line 1:\n\texpected `{` \u{7}"));
    consumer.decided(1).await;
    let dead = scene.queues.take("orders-dlq").await;
    assert_eq!(dead.body, "<no json>");
    let attributes = [
        ("traceparent", TRACEPARENT),
        ("tenant", "blue"),
        (FAILURE_REASON, "line 1:  expected `{`  "),
        (FAILURE_TYPE, "undecodable"),
        (RECEIVE_COUNT, "1"),
        (SOURCE_MESSAGE_ID, &*dead.attributes[SOURCE_MESSAGE_ID]),
    ];
    assert_eq!(dead.attributes, attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    assert!(dead.attributes[SOURCE_MESSAGE_ID] != dead.message_id && !dead.attributes[SOURCE_MESSAGE_ID].is_empty());
    scene.end(consumer).await;
}

#[tokio::test]
async fn a_message_with_as_many_attributes_as_sqs_takes_gets_its_reason_and_keeps_its_trace() {
    let scene = Scene::start().await;
    let mut attributes = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "traceparent"].map(|name| (name, "value"));
    attributes[9].1 = TRACEPARENT;
    scene.queues.send_with("orders", "ten attributes", &attributes).await;
    let consumer = scene.consume(config(), |_| reject("why \u{ffff}"));
    let dead = scene.queues.take("orders-dlq").await;
    assert_eq!((dead.attributes.len(), &*dead.attributes[FAILURE_REASON]), (10, "why  "));
    assert_eq!(dead.attributes["traceparent"], TRACEPARENT);
    scene.end(consumer).await;
}

#[tokio::test]
async fn a_message_that_was_moved_back_with_the_reason_of_its_last_failure_keeps_what_is_its_own() {
    let scene = Scene::start().await;
    // By their names these come behind those about the failure.
    let own = ["traceparent", "v", "w", "x", "y", "z"].map(|name| (name, "value"));
    let last = [FAILURE_REASON, FAILURE_TYPE, RECEIVE_COUNT, SOURCE_MESSAGE_ID].map(|name| (name, "last"));
    scene.queues.send_with("orders", "moved back", &[&own[..], &last].concat()).await;
    let consumer = scene.consume(config(), |_| reject("again"));
    let dead = scene.queues.take("orders-dlq").await;
    assert_eq!(dead.attributes.len(), 10);
    assert!(own.iter().all(|(name, _)| dead.attributes[*name] == "value"), "{dead:?}");
    assert_eq!((&*dead.attributes[FAILURE_REASON], &*dead.attributes[RECEIVE_COUNT]), ("again", "1"));
    scene.end(consumer).await;
}

#[tokio::test]
async fn a_queue_that_takes_longer_to_read_than_a_message_stays_hidden_is_read_to_its_end_and_each_message_once() {
    let scene = Scene::start().await;
    scene.send_many("m", 60).await;
    let hold = Duration::from_secs(2);
    let mut browser = Browser::new(scene.queue(), Duration::ZERO, hold);
    let mut read = Vec::new();
    loop {
        let letters = browser.next().await.unwrap();
        if letters.is_empty() {
            break;
        }
        read.extend(letters.into_iter().map(|letter| letter.body));
        if read.len() == 30 {
            eventually("all are in sight again", async || (scene.hidden().await == 0).then_some(())).await;
        }
    }
    assert_eq!((read.len(), read.iter().collect::<HashSet<_>>().len()), (60, 60));
    browser.give_back().await.unwrap();
    assert_eq!(scene.drain(60).await.len(), 60);
    scene.queues.expect_all_empty(&["orders", "orders-dlq"]).await;
}

#[tokio::test]
async fn a_redrive_goes_in_batches_and_what_is_not_taken_stays() {
    let scene = Scene::start().await;
    let bodies: Vec<String> = (0..30).map(|number| format!("m-{number}")).collect();
    scene.queues.send_all("orders-dlq", &bodies).await;
    scene.fail_first(1, SEND, Fault::HalfFailed { code: "InternalError", sender_fault: false });
    let source = scene.queue();
    let dead_letters = source.dead_letter_queue().await.unwrap().unwrap();
    let redrive = Redrive::new(dead_letters, source);
    let error = redrive.some(|_| true, |_| {}).await.unwrap_err();
    assert!(error.to_string().contains("InternalError"), "{error}");
    assert_eq!(scene.entries(DELETE).len(), scene.entries(SEND).len().div_ceil(2), "only what was taken");
    let rest = bodies.len() - scene.entries(DELETE).len();
    assert_eq!(redrive.some(|_| true, |_| {}).await.unwrap(), rest as u64);
    assert!(scene.proxy.count(SEND) < 10, "{} calls", scene.proxy.count(SEND));
    let mut back = scene.drain(30).await;
    back.sort();
    assert_eq!(back, {
        let mut sent = bodies;
        sent.sort();
        sent
    });
    scene.queues.expect_all_empty(&["orders", "orders-dlq"]).await;
}

/// Has the dead-letter queue take a message at the third try; the receives that the message has had by then.
async fn receives_until_taken(fault: Fault) -> Vec<u32> {
    let scene = Scene::start().await;
    scene.queues.send("orders", "bad").await;
    scene.fail_first(2, SEND, fault);
    let consumer = scene.consume(config(), |_| reject("why"));
    let dead = scene.queues.take("orders-dlq").await;
    let seen = scene.end(consumer).await;
    assert_eq!((dead.body.as_str(), scene.proxy.count(SEND), scene.proxy.count(DELETE)), ("bad", 3, 1));
    let calls = scene.proxy.calls();
    let place = |wanted: &str| calls.iter().rposition(|(action, _)| action == wanted);
    assert!(place(SEND) < place(DELETE), "deleted before it was safe");
    let attempts = seen.attempts("bad");
    assert_eq!(dead.attributes[RECEIVE_COUNT], attempts.last().unwrap().to_string());
    attempts
}

#[tokio::test]
async fn a_message_that_the_dead_letter_queue_refuses_stays_and_is_received_again() {
    assert_eq!(receives_until_taken(Fault::Error(400, "InvalidMessageContents")).await, [1, 2, 3]);
}

#[tokio::test]
async fn while_the_dead_letter_queue_is_out_of_reach_a_message_is_held() {
    assert_eq!(receives_until_taken(Fault::Error(403, "AccessDenied")).await, [1]);
}
