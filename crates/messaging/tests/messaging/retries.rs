//! A retry goes through the visibility timeout, never through a copy, which would start its receive count anew
//! (dramatiq_sqs#42).

use std::time::Duration;

use messaging::{Backoff, ConsumerConfig};
use testbed::eventually;

use crate::{Scene, config, done, retry};

const CHANGE: &str = "ChangeMessageVisibilityBatch";

#[tokio::test]
async fn retries_count_up_until_the_queue_itself_moves_the_message() {
    let scene = Scene::start().await;
    scene.queues.send_with("orders", "never works", &[("tenant", "blue")]).await;
    // Past its last try there is nothing to wait for, whatever the handler says.
    let consumer = scene.consume(config(), |delivery| retry(Some(if delivery.attempt < 5 { 0 } else { 3600 })));
    consumer.decided(5).await;
    assert_eq!(consumer.attempts("never works"), [1, 2, 3, 4, 5]);
    let dead = scene.queues.take("orders-dlq").await;
    assert_eq!(dead.body, "never works");
    assert_eq!(dead.attributes, [("tenant".to_owned(), "blue".to_owned())].into());
    assert_eq!(scene.end(consumer).await.deliveries(), 5);
    assert_eq!((scene.proxy.count("SendMessageBatch"), scene.proxy.count("SendMessage")), (0, 0));
    assert_eq!(scene.proxy.count("DeleteMessageBatch"), 0);
}

/// Waits until so many more messages have been given back, and how long they are hidden for; then they are made visible.
async fn waits(scene: &Scene, retried: usize, before: usize) -> Vec<u64> {
    let what = format!("{retried} are given back");
    let given_back = async || Some(scene.entries(CHANGE)).filter(|entries| entries.len() >= before + retried);
    let entries = eventually(&what, given_back).await.split_off(before);
    eventually("all are settled", async || (scene.metric("messages_in_flight") == 0.0).then_some(())).await;
    for entry in &entries {
        scene.queues.change_visibility("orders", entry["ReceiptHandle"].as_str().unwrap(), Duration::ZERO).await;
    }
    entries.iter().map(|entry| entry["VisibilityTimeout"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn the_wait_doubles_with_each_receive_up_to_a_ceiling_and_is_drawn_below_it() {
    let scene = Scene::start().await;
    let backoff = Backoff::new(Duration::from_secs(1000), Duration::from_secs(3000));
    let hour = Some(Duration::from_secs(3600));
    let config = ConsumerConfig { retry: backoff, visibility_timeout: hour, ..config() };
    let consumer =
        scene.consume(
            config,
            |delivery| {
                if delivery.body == "good" || delivery.attempt == 4 { done() } else { retry(None) }
            },
        );
    let mut drawn = [const { Vec::new() }; 3];
    for round in 0..10 {
        // More at a time would be an outage, and one that gets through shows that there is none.
        scene.send_many(&format!("m-{round}"), 4).await;
        for (wave, drawn) in drawn.iter_mut().enumerate() {
            drawn.extend(waits(&scene, 4, (round * 3 + wave) * 4).await);
            scene.queues.send("orders", "good").await;
            consumer.delivered((round * 4 + wave + 1) * 4 + round * 3 + wave + 1).await;
        }
    }
    // That none of 40 draws is above the last ceiling, or in the lower half, is as good as impossible.
    for (waits, (more_than, at_most)) in drawn.iter().zip([(0, 1000), (1000, 2000), (2000, 3000)]) {
        assert_eq!(waits.len(), 40);
        assert!(waits.iter().all(|wait| *wait <= at_most), "{waits:?}");
        assert!(waits.iter().any(|wait| *wait > more_than), "{waits:?}");
        assert!(waits.iter().any(|wait| *wait < at_most / 2), "{waits:?}");
    }
    assert_eq!(scene.end(consumer).await.deliveries(), 10 * (4 * 4 + 3));
}

#[tokio::test]
async fn a_handler_may_say_itself_when_to_retry() {
    let scene = Scene::start().await;
    scene.queues.send("orders", "rate limited").await;
    let consumer = scene.consume(config(), |delivery| if delivery.attempt == 1 { retry(Some(77)) } else { done() });
    assert_eq!(waits(&scene, 1, 0).await, [77]);
    consumer.decided(2).await;
    assert_eq!(scene.end(consumer).await.attempts("rate limited"), [1, 2]);
}

#[tokio::test]
async fn no_wait_is_longer_than_sqs_takes() {
    let scene = Scene::start().await;
    scene.queues.send("orders", "next week").await;
    let consumer =
        scene.consume(config(), |delivery| if delivery.attempt == 1 { retry(Some(604_800)) } else { done() });
    let wait = waits(&scene, 1, 0).await[0];
    assert!((36_000..43_200).contains(&wait), "{wait} s");
    consumer.decided(2).await;
    assert_eq!(scene.end(consumer).await.attempts("next week"), [1, 2]);
}
