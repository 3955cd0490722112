//! One long poll at a time on an idle queue: a default that became short polling tripled a bill (zio-sqs#809).

use std::time::Duration;

use sqs::ConsumerConfig;
use testbed::never;

use crate::{Scene, config, done};

const RECEIVE: &str = "ReceiveMessage";

#[tokio::test]
async fn an_idle_consumer_has_one_long_poll_open_and_asks_nothing_else() {
    let scene = Scene::start().await;
    let consumer = scene.consume(ConsumerConfig::default(), |_| done());
    scene.called(RECEIVE, 1).await;
    let calls = scene.proxy.calls().len();
    never("another call", scene.quiet_poll(), async || scene.proxy.calls().len() > calls).await;
    let receive = &scene.requests(RECEIVE)[0];
    assert_eq!((&receive["WaitTimeSeconds"], &receive["MaxNumberOfMessages"]), (&20.into(), &10.into()));
    assert_eq!(receive["VisibilityTimeout"], 30, "the queue's own");
    // A message ends the poll, and with it the test.
    consumer.tell_to_stop();
    scene.queues.send("orders", "the end").await;
    consumer.stop().await;
    assert_eq!(scene.take_visible().await.0, "the end");
    scene.queues.expect_all_empty(&["orders", "orders-dlq"]).await;
}

#[tokio::test]
async fn pollers_that_a_backlog_woke_sleep_again_once_it_is_gone() {
    let scene = Scene::start().await;
    scene.send_many("m", 300).await;
    let consumer = scene.consume(config().concurrency(64), |_| done());
    consumer.decided(300).await;
    // The long polls that were begun meanwhile take a second each.
    scene.quiet_poll().await;
    let before = scene.proxy.count(RECEIVE);
    for _ in 0..4 {
        assert!(scene.queues.receive("payments", Duration::from_secs(1), Duration::from_secs(30)).await.is_empty());
    }
    let receives = scene.proxy.count(RECEIVE) - before;
    assert!(receives <= 8, "{receives} receives during four of the same length one after another");
    scene.end(consumer).await;
}
