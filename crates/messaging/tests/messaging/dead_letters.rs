//! What can never be handled goes to the dead-letter queue with its reason; until it is there, it stays where it is.

use futures::future::join_all;
use messaging::dead_letter::{FAILURE_REASON, FAILURE_TYPE, RECEIVE_COUNT, SOURCE_MESSAGE_ID};
use testbed::Fault;

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
async fn a_message_that_the_dead_letter_queue_does_not_take_stays_and_is_tried_again() {
    let faults = [Fault::Error(400, "InvalidMessageContents"), Fault::Error(403, "AccessDenied")];
    let each = faults.map(|fault| async move {
        let scene = Scene::start().await;
        scene.queues.send("orders", "bad").await;
        scene.fail_first(2, SEND, fault);
        let consumer = scene.consume(config(), |_| reject("why"));
        let dead = scene.queues.take("orders-dlq").await;
        assert_eq!((&*dead.body, &*dead.attributes[RECEIVE_COUNT]), ("bad", "3"));
        assert_eq!(scene.end(consumer).await.attempts("bad"), [1, 2, 3]);
        assert_eq!((scene.proxy.count(SEND), scene.proxy.count(DELETE)), (3, 1));
        let calls = scene.proxy.calls();
        let place = |wanted: &str| calls.iter().rposition(|(action, _)| action == wanted);
        assert!(place(SEND) < place(DELETE), "deleted before it was safe");
    });
    join_all(each).await;
}
