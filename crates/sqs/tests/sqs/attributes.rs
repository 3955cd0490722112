//! A queue's attributes may change while it is consumed.

use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName;
use sqs::Backoff;
use testbed::eventually;

use crate::{Gate, Scene, config, retry};

const CHANGE: &str = "ChangeMessageVisibilityBatch";

async fn set(scene: &Scene, name: QueueAttributeName, value: String) {
    let url = scene.queues.queue("orders").properties().await.unwrap().url.clone();
    scene.queues.sqs.set_queue_attributes().queue_url(url).attributes(name, value).send().await.unwrap();
}

#[tokio::test]
async fn a_raised_receive_limit_is_noticed_by_the_first_message_beyond_the_old_one() {
    let scene = Scene::start().await;
    let second = Duration::from_secs(1);
    let every_second = config().retry(Backoff::new(second, second));
    let consumer = scene.consume(every_second, |_| retry(Some(1)));
    eventually("the queue is reachable", async || consumer.queue.is_reachable().then_some(())).await;
    let properties = scene.queues.queue("orders").properties().await.unwrap();
    let dead_letters = properties.arn.replace(&scene.queues.name("orders"), &scene.queues.name("orders-dlq"));
    let policy = serde_json::json!({ "deadLetterTargetArn": dead_letters, "maxReceiveCount": 8 });
    set(&scene, QueueAttributeName::RedrivePolicy, policy.to_string()).await;
    scene.queues.send("orders", "never works").await;
    consumer.decided(8).await;
    assert_eq!(scene.queues.take("orders-dlq").await.body, "never works");
    scene.end(consumer).await;
    // Made visible at once: at what was the limit, and at what is.
    let waits: Vec<u64> =
        scene.entries(CHANGE).iter().map(|entry| entry["VisibilityTimeout"].as_u64().unwrap()).collect();
    assert_eq!(waits, [1, 1, 1, 1, 0, 1, 1, 0]);
}

#[tokio::test]
async fn a_lowered_visibility_timeout_does_not_make_the_extensions_late() {
    let scene = Scene::start().await;
    let gate = Gate::shut();
    let held = gate.clone();
    let consumer = scene.consume(config().concurrency(1), move |_| held.done());
    eventually("the queue is reachable", async || consumer.queue.is_reachable().then_some(())).await;
    set(&scene, QueueAttributeName::VisibilityTimeout, "1".to_owned()).await;
    scene.queues.send("orders", "slow").await;
    consumer.delivered(1).await;
    // Longer than it would be hidden by what the queue says now.
    scene.quiet_poll().await;
    assert_eq!((scene.hidden().await, consumer.deliveries()), (1, 1));
    gate.open();
    scene.end(consumer).await;
}
