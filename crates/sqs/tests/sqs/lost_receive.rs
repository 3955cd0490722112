//! A connection that is lost while a receive is open must not hang the consumer for ever (awslabs/aws-sdk-rust#1094,
//! bbc/sqs-consumer#130).

use std::time::Duration;

use sqs::queue::ReceiveRequest;
use testbed::Fault;

use crate::{Scene, config, done};

#[tokio::test]
async fn a_receive_that_is_never_answered_is_given_up_and_asked_again() {
    let scene = Scene::start().await;
    scene.fail_first(1, "ReceiveMessage", Fault::Hang);
    let consumer = scene.consume(config(), |_| done());
    scene.called("ReceiveMessage", 1).await;
    scene.queues.send("orders", "behind a dead connection").await;
    consumer.delivered(1).await;
    scene.end(consumer).await;
}

#[tokio::test]
async fn a_long_poll_may_take_longer_than_any_other_call() {
    let scene = Scene::start().await;
    let poll = ReceiveRequest::new(1, Duration::from_secs(7), Duration::from_secs(30));
    assert!(scene.queue().receive(poll).await.unwrap().is_empty());
    assert_eq!(scene.proxy.count("ReceiveMessage"), 1);
}
