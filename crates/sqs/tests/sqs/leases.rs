//! A message stays hidden from its receive to its confirmed delete, however long that takes (MassTransit#3585).

use std::time::Duration;

use sqs::ConsumerConfig;
use testbed::{Fault, never};

use crate::{Gate, Scene, config};

const EXTEND: &str = "ChangeMessageVisibilityBatch";

fn visible_after(seconds: u64) -> ConsumerConfig {
    config().visibility_timeout(Duration::from_secs(seconds))
}

#[tokio::test]
async fn a_handler_that_takes_three_visibility_timeouts_has_its_message_once() {
    let scene = Scene::start().await;
    scene.queues.send("orders", "slow").await;
    let gate = Gate::shut();
    let held = gate.clone();
    let consumer = scene.consume(visible_after(2), move |_| held.done());
    // An extension comes no earlier than after half of the timeout.
    never("delivered again", scene.called(EXTEND, 6), async || consumer.deliveries() > 1).await;
    gate.open();
    let seen = scene.end(consumer).await;
    assert_eq!(seen.attempts("slow"), [1]);
    assert!(scene.entries(EXTEND).iter().all(|entry| entry["VisibilityTimeout"] == 2));
}

#[tokio::test]
async fn a_message_that_cannot_be_deleted_yet_is_not_handled_again() {
    let scene = Scene::start().await;
    scene.queues.send("orders", "done").await;
    scene.fail_all("DeleteMessageBatch", Fault::Error(500, "InternalFailure"));
    let consumer = scene.consume(visible_after(2), |_| crate::done());
    consumer.decided(1).await;
    never("delivered again", scene.called(EXTEND, 4), async || consumer.deliveries() > 1).await;
    scene.proxy.heal();
    let seen = scene.end(consumer).await;
    assert_eq!(seen.attempts("done"), [1]);
}

#[tokio::test]
async fn an_extension_that_is_never_answered_does_not_cost_the_lease() {
    let scene = Scene::start().await;
    scene.queues.send("orders", "slow").await;
    scene.fail_first(1, EXTEND, Fault::Hang);
    let gate = Gate::shut();
    let held = gate.clone();
    let consumer = scene.consume(visible_after(8), move |_| held.done());
    never("delivered again", scene.called(EXTEND, 3), async || consumer.deliveries() > 1).await;
    gate.open();
    let seen = scene.end(consumer).await;
    assert_eq!(seen.attempts("slow"), [1]);
    assert_eq!(scene.metric("leases_lost_total"), 0.0);
}
