//! A stop loses nothing and leaves nothing stuck: not what an open long poll still brings (shoryuken#677), and not the
//! deletes that have not been sent yet (spring-cloud-aws#925).

use std::time::Duration;

use sqs::ConsumerConfig;
use testbed::{Fault, eventually, never};

use crate::{Gate, Scene, config, done};

const DELETE: &str = "DeleteMessageBatch";

/// Whatever stays hidden longer than a moment is stuck.
fn hidden_for_an_hour() -> ConsumerConfig {
    config().visibility_timeout(Duration::from_secs(3600))
}

#[tokio::test]
async fn what_a_long_poll_brings_after_the_stop_is_given_back_at_once() {
    let scene = Scene::start().await;
    let long_poll = Duration::from_secs(20);
    let consumer = scene.consume(hidden_for_an_hour().long_poll(long_poll), |_| done());
    scene.called("ReceiveMessage", 1).await;
    consumer.tell_to_stop();
    scene.queues.send("orders", "late").await;
    let seen = consumer.stop().await;
    assert_eq!(scene.take_visible().await, ("late".to_owned(), 1));
    assert_eq!((seen.deliveries(), scene.proxy.count("ReceiveMessage")), (0, 1));
    scene.queues.expect_all_empty(&["orders", "orders-dlq"]).await;
}

#[tokio::test]
async fn what_is_done_at_the_stop_is_deleted_before_it_ends() {
    let scene = Scene::start().await;
    scene.send_many("m", 30).await;
    scene.fail_all(DELETE, Fault::Error(403, "AccessDenied"));
    let consumer = scene.consume(hidden_for_an_hour().concurrency(30), |_| done());
    consumer.decided(30).await;
    assert_eq!(scene.hidden().await, 30);
    consumer.tell_to_stop();
    scene.called(DELETE, scene.proxy.count(DELETE) + 9).await;
    scene.proxy.heal();
    consumer.stop().await;
    assert_eq!(scene.hidden().await, 0);
    scene.queues.expect_all_empty(&["orders", "orders-dlq"]).await;
}

#[tokio::test]
async fn a_handler_under_way_at_the_stop_comes_to_its_end() {
    let scene = Scene::start().await;
    scene.queues.send("orders", "half done").await;
    let gate = Gate::shut();
    let held = gate.clone();
    let consumer = scene.consume(hidden_for_an_hour(), move |_| held.done());
    consumer.delivered(1).await;
    consumer.tell_to_stop();
    let receives = scene.proxy.count("ReceiveMessage");
    never("a receive after the stop", scene.quiet_poll(), async || scene.proxy.count("ReceiveMessage") > receives + 1)
        .await;
    gate.open();
    assert_eq!(scene.end(consumer).await.verdicts(), 1);
}

#[tokio::test]
async fn what_is_unfinished_at_the_deadline_is_given_back() {
    let scene = Scene::start().await;
    scene.queues.send("orders", "endless").await;
    let gate = Gate::shut();
    let shutdown_timeout = Duration::from_secs(1);
    let consumer = scene.consume(hidden_for_an_hour().shutdown_timeout(shutdown_timeout), move |_| gate.done());
    consumer.delivered(1).await;
    let seen = consumer.stop().await;
    assert_eq!(scene.take_visible().await, ("endless".to_owned(), 1));
    assert_eq!(seen.verdicts(), 0);
    scene.queues.expect_all_empty(&["orders", "orders-dlq"]).await;
}

#[tokio::test]
async fn a_stop_during_an_outage_ends_and_leaves_the_message_in_the_queue() {
    let scene = Scene::start().await;
    scene.proxy.fail(|_, _| Fault::Error(500, "InternalFailure"));
    let consumer = scene.consume(hidden_for_an_hour(), |_| done());
    eventually("the queue is out of reach", async || (scene.proxy.count("GetQueueUrl") > 0).then_some(())).await;
    scene.queues.send("orders", "not received").await;
    let seen = consumer.stop().await;
    assert_eq!(seen.deliveries(), 0);
    assert_eq!(scene.take_visible().await, ("not received".to_owned(), 0));
    scene.queues.expect_all_empty(&["orders", "orders-dlq"]).await;
}
