//! The consumer comes back by itself from whatever the queue did meanwhile (celery#8243), and says so once.

use std::time::Duration;

use futures::future::join_all;
use testbed::{Fault, eventually};

use crate::{Logs, Running, Scene, config, done};

const RECEIVE: &str = "ReceiveMessage";
const LOST: &str = "queue out of reach";
const FOUND: &str = "queue reachable";

async fn out_of_reach(consumer: &Running) {
    eventually("the queue is out of reach", async || (!consumer.queue.is_reachable()).then_some(())).await;
}

async fn reachable(consumer: &Running) {
    eventually("the queue is reachable", async || consumer.queue.is_reachable().then_some(())).await;
}

#[tokio::test]
async fn the_consumer_comes_back_after_every_kind_of_failed_receive() {
    let faults = [
        Fault::HangUp,
        Fault::AnswerLost,
        Fault::Error(500, "InternalFailure"),
        Fault::Error(503, "ServiceUnavailable"),
        Fault::Error(400, "RequestThrottled"),
        Fault::Error(403, "AccessDenied"),
        Fault::Error(400, "KmsInvalidState"),
    ];
    let each = faults.map(|fault| async move {
        let scene = Scene::start().await;
        // A receive whose answer is lost may have taken the message with it, for that long.
        let visibility_timeout = Some(Duration::from_secs(2));
        let consumer = scene.consume(config().visibility_timeout(visibility_timeout), |_| done());
        reachable(&consumer).await;
        scene.fail_all(RECEIVE, fault);
        out_of_reach(&consumer).await;
        scene.called(RECEIVE, scene.proxy.count(RECEIVE) + 1).await;
        scene.proxy.heal();
        scene.queues.send("orders", "after the outage").await;
        consumer.delivered(1).await;
        scene.end(consumer).await;
    });
    join_all(each).await;
}

#[tokio::test]
async fn a_consumer_may_start_before_its_queue_answers() {
    let scene = Scene::start().await;
    scene.proxy.fail(|_, _| Fault::Error(500, "InternalFailure"));
    let consumer = scene.consume(config(), |_| done());
    // The SDK asks three times before a call counts as failed.
    scene.called("GetQueueUrl", 4).await;
    assert!(!consumer.queue.is_reachable());
    scene.proxy.heal();
    scene.queues.send("orders", "first").await;
    consumer.delivered(1).await;
    scene.end(consumer).await;
}

#[tokio::test]
async fn each_change_of_reachability_is_one_line_in_the_log() {
    let (scene, logs) = (Scene::start().await, Logs::capture());
    let consumer = scene.consume(config(), |_| done());
    reachable(&consumer).await;
    scene.fail_all(RECEIVE, Fault::Error(500, "InternalFailure"));
    scene.called(RECEIVE, scene.proxy.count(RECEIVE) + 3).await;
    scene.proxy.heal();
    reachable(&consumer).await;
    scene.end(consumer).await;
    assert_eq!((logs.count(LOST), logs.count(FOUND)), (1, 2));
}

#[tokio::test]
async fn a_queue_that_was_deleted_and_created_again_is_consumed_on() {
    let (scene, logs) = (Scene::start().await, Logs::capture());
    let consumer = scene.consume(config(), |_| done());
    reachable(&consumer).await;
    scene.queues.delete_queue("orders").await;
    out_of_reach(&consumer).await;
    scene.queues.create().await;
    scene.queues.send("orders", "in the new queue").await;
    consumer.delivered(1).await;
    scene.end(consumer).await;
    assert_eq!((logs.count(LOST), logs.count(FOUND)), (1, 2));
    assert_eq!(logs.count("does not exist in this account and region"), 1);
}

#[tokio::test]
async fn receives_that_are_refused_are_told_of_once_and_repeated() {
    let (scene, logs) = (Scene::start().await, Logs::capture());
    scene.fail_all(RECEIVE, Fault::Error(400, "InvalidParameterValue"));
    let consumer = scene.consume(config(), |_| done());
    scene.called(RECEIVE, 4).await;
    assert_eq!(logs.count("ReceiveMessage on the queue"), 1);
    scene.proxy.heal();
    scene.queues.send("orders", "after all").await;
    consumer.delivered(1).await;
    scene.end(consumer).await;
}
