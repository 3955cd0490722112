//! A retry goes through the visibility timeout, never through a copy, which would start its receive count anew
//! (dramatiq_sqs#42).

use std::time::Duration;

use sqs::Backoff;
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

/// Waits until so many messages have been settled in all.
async fn settled(scene: &Scene, messages: usize) {
    let (what, all) = (format!("{messages} are settled"), messages as f64);
    let none_under_way = async || scene.metric("messages_in_flight") == 0.0;
    eventually(&what, async || (scene.metric("messages_settled_total") == all && none_under_way().await).then_some(()))
        .await;
}

/// The last messages that have been given back: how long they are hidden for, and their receipt handles.
fn given_back(scene: &Scene, messages: usize) -> Vec<(u64, String)> {
    let entries = scene.entries(CHANGE);
    let last = entries[entries.len() - messages..].iter();
    last.map(|entry| {
        (entry["VisibilityTimeout"].as_u64().unwrap(), entry["ReceiptHandle"].as_str().unwrap().to_owned())
    })
    .collect()
}

async fn make_visible(scene: &Scene, given_back: &[(u64, String)]) {
    for (_, receipt_handle) in given_back {
        scene.queues.change_visibility("orders", receipt_handle, Duration::ZERO).await;
    }
}

#[tokio::test]
async fn the_wait_doubles_with_each_receive_up_to_a_ceiling_and_is_drawn_below_it() {
    let scene = Scene::start().await;
    let backoff = Backoff::new(Duration::from_secs(1000), Duration::from_secs(3000));
    let hour = Some(Duration::from_secs(3600));
    let config = config().retry(backoff).visibility_timeout(hour);
    let consumer = scene.consume(config, |delivery| match (&*delivery.body, delivery.attempt) {
        ("good", _) | (_, 4) => done(),
        _ => retry(None),
    });
    let mut drawn = [const { Vec::new() }; 3];
    let mut so_far = 0;
    for round in 0..10 {
        // More at a time would be an outage, and one that gets through in between shows that there is none.
        scene.send_many(&format!("m-{round}"), 4).await;
        for waits in &mut drawn {
            settled(&scene, so_far + 4).await;
            let hidden = given_back(&scene, 4);
            scene.queues.send("orders", "good").await;
            so_far += 5;
            settled(&scene, so_far).await;
            waits.extend(hidden.iter().map(|(wait, _)| *wait));
            make_visible(&scene, &hidden).await;
        }
        so_far += 4;
        settled(&scene, so_far).await;
    }
    // That none of 40 draws is above the last ceiling, or in the lower half, is as good as impossible.
    for (waits, (more_than, at_most)) in drawn.iter().zip([(0, 1000), (1000, 2000), (2000, 3000)]) {
        assert_eq!(waits.len(), 40);
        assert!(waits.iter().all(|wait| *wait <= at_most), "{waits:?}");
        assert!(waits.iter().any(|wait| *wait > more_than), "{waits:?}");
        assert!(waits.iter().any(|wait| *wait < at_most / 2), "{waits:?}");
    }
    assert_eq!(scene.end(consumer).await.deliveries(), so_far);
}

/// Gives a message back once with so many seconds to wait; for how many it is hidden.
async fn hidden_for(asked: u64) -> u64 {
    let scene = Scene::start().await;
    scene.queues.send("orders", "later").await;
    let consumer =
        scene.consume(config(), move |delivery| if delivery.attempt == 1 { retry(Some(asked)) } else { done() });
    settled(&scene, 1).await;
    let hidden = given_back(&scene, 1);
    make_visible(&scene, &hidden).await;
    settled(&scene, 2).await;
    assert_eq!(scene.end(consumer).await.attempts("later"), [1, 2]);
    hidden[0].0
}

#[tokio::test]
async fn a_handler_may_say_itself_when_to_retry() {
    assert_eq!(hidden_for(77).await, 77);
}

#[tokio::test]
async fn no_wait_is_longer_than_sqs_takes() {
    let wait = hidden_for(604_800).await;
    assert!((36_000..43_200).contains(&wait), "{wait} s");
}
