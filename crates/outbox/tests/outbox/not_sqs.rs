//! Something else answers at the queue's address: a proxy, a captive portal, a wrong address. Nothing is lost by it, and
//! nothing is held against a message.

use futures::future::join_all;
use futures::{StreamExt, stream};
use testbed::{Fault, eventually};

use crate::{Logs, OutboxScene, Scene, config, done};

const SEND: &str = "SendMessageBatch";
const PAGE: &str = "<!DOCTYPE html><html><body>This is not the page you are looking for.</body></html>";
const JSON: &str = "application/x-amz-json-1.0";
/// What SQS, and others, say of all entries when a key or a right is wrong, or in words that are not known here.
const NONE_SENT: &str = r#"{"Failed":[
    {"Id":"0","SenderFault":true,"Code":"KMS.DisabledException","Message":"the key is disabled"},
    {"Id":"1","SenderFault":true,"Code":"AccessDenied","Message":"not allowed"},
    {"Id":"2","SenderFault":true,"Code":"SomethingNew","Message":"of which nobody has heard"},
    {"Id":"3","SenderFault":false,"Code":"InternalError","Message":"it is not you"}]}"#;

const fn html(status: u16) -> Fault {
    Fault::Foreign { status, content_type: "text/html", body: PAGE }
}

const fn json(status: u16, body: &'static str) -> Fault {
    Fault::Foreign { status, content_type: JSON, body }
}

const ANSWERS: [Fault; 15] = [
    html(404),
    html(407),
    html(502),
    html(200),
    html(400),
    json(200, "{}"),
    json(200, ""),
    json(200, "null"),
    json(400, "{}"),
    Fault::Error(400, "SomethingNew"),
    Fault::Error(400, "ValidationError"),
    Fault::Error(400, "NotAuthorized"),
    Fault::Error(400, "InvalidParameterValue"),
    Fault::Error(404, "InvalidMessageContents"),
    json(200, NONE_SENT),
];

/// Nothing is lost while `answer` is what the calls `hit` get, and everything goes out afterwards.
async fn keeps_everything(answer: Fault, hit: fn(&str) -> bool) {
    let scene = OutboxScene::start().await;
    scene.proxy.fail(move |action, _| if hit(action) { answer } else { Fault::None });
    let relay = scene.relay();
    scene.add("m", 25).await;
    eventually("several calls", async || (scene.proxy.calls().len() >= 4).then_some(())).await;
    let counted = async || (scene.metric("outbox_pending") == 25.0).then_some(());
    eventually(&format!("outbox_pending tells of all: {answer:?}"), counted).await;
    assert!(scene.rows().await.iter().all(|(_, _, fault)| fault.is_none()), "{answer:?}");
    assert_eq!(scene.metric("outbox_set_aside_total"), 0.0, "{answer:?}");
    scene.proxy.heal();
    scene.left(0).await;
    relay.stop().await;
    assert_eq!(scene.drain(25).await.len(), 25, "{answer:?}");
    scene.end().await;
}

/// A few at a time: each has a database of its own to open.
async fn each(hit: fn(&str) -> bool) {
    stream::iter(ANSWERS).for_each_concurrent(4, |answer| Box::pin(keeps_everything(answer, hit))).await;
}

#[tokio::test]
async fn whatever_answers_a_send_and_is_not_sqs_condemns_no_message() {
    each(|action| action == SEND).await;
}

#[tokio::test]
async fn an_address_at_which_something_else_answers_from_the_start_is_not_believed() {
    each(|_| true).await;
}

#[tokio::test]
async fn an_answer_that_is_not_sqss_is_told_as_such_and_the_queue_counts_as_away() {
    let (scene, logs) = (OutboxScene::start().await, Logs::capture());
    scene.proxy.fail(|_, _| html(404));
    let relay = scene.relay();
    eventually("it is told", async || (logs.count("HTTP status 404 without a code") == 1).then_some(())).await;
    assert!(!relay.queue.is_reachable());
    scene.proxy.heal();
    relay.stop().await;
    scene.end().await;
}

#[tokio::test]
async fn a_handled_message_whose_delete_met_something_else_is_deleted_later() {
    let answers = [html(404), html(200), json(200, "{}"), json(200, NONE_SENT), Fault::Error(400, "SomethingNew")];
    let each = answers.map(|answer| async move {
        let scene = Scene::start().await;
        scene.fail_first(2, "DeleteMessageBatch", answer);
        let consumer = scene.consume(config(), |_| done());
        scene.queues.send("orders", "m").await;
        consumer.decided(1).await;
        scene.called("DeleteMessageBatch", 3).await;
        assert_eq!(scene.end(consumer).await.deliveries(), 1, "{answer:?}");
    });
    join_all(each).await;
}
