//! Under load: few requests per message, all of them handled, and no more in memory than there are slots.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sqs::{ConsumerConfig, dead_letter};
use testbed::{Fault, never};

use crate::{Scene, config, done};

const RECEIVE: &str = "ReceiveMessage";

fn sixty_four() -> ConsumerConfig {
    config().concurrency(64)
}

#[tokio::test]
async fn a_backlog_is_received_in_full_batches() {
    let scene = Scene::start().await;
    scene.send_many("m", 500).await;
    let consumer = scene.consume(sixty_four(), |_| done());
    consumer.decided(500).await;
    let receives = scene.proxy.count(RECEIVE);
    assert!(receives <= 100, "{receives} receives for 500 messages");
    assert_eq!(scene.end(consumer).await.deliveries(), 500);
}

#[tokio::test]
async fn a_backlog_wakes_more_pollers() {
    let scene = Scene::start().await;
    scene.send_many("m", 100).await;
    let so_far = AtomicUsize::new(0);
    // Three come back full; those after them stay open.
    scene.proxy.fail(move |action, _| {
        let open = action == RECEIVE && so_far.fetch_add(1, Ordering::SeqCst) >= 3;
        if open { Fault::Hang } else { Fault::None }
    });
    let (long_poll, shutdown_timeout) = (Duration::from_secs(20), Duration::from_secs(1));
    let consumer = scene.consume(sixty_four().long_poll(long_poll).shutdown_timeout(shutdown_timeout), |_| done());
    let ten_seconds = Duration::from_secs(10);
    tokio::select! {
        () = scene.called(RECEIVE, 5) => {}
        _ = scene.queues.receive("payments", ten_seconds, ten_seconds) => panic!("one receive at a time"),
    }
    consumer.decided(30).await;
    consumer.stop().await;
    assert_eq!(scene.drain(70).await.len(), 70);
    scene.queues.expect_all_empty(&["orders", "orders-dlq"]).await;
}

#[tokio::test]
async fn no_more_messages_come_per_second_than_are_allowed() {
    let scene = Scene::start().await;
    scene.send_many("m", 80).await;
    let begun = Instant::now();
    let consumer = scene.consume(config().max_per_second(20), |_| done());
    never("more than allowed", consumer.decided(80), async || {
        let delivered = consumer.deliveries() as f64;
        // The limit holds on average: the last receive may have been ahead of it.
        delivered > 20.0 * begun.elapsed().as_secs_f64() + 10.0
    })
    .await;
    assert_eq!(scene.end(consumer).await.deliveries(), 80);
}

#[tokio::test]
async fn twenty_thousand_waiting_messages_are_held_by_the_queue_alone() {
    let scene = Scene::start().await;
    if !scene.queues.embedded() {
        return; // Filling a LocalStack takes minutes.
    }
    scene.send_many("m", 20_000).await;
    let consumer = scene.consume(sixty_four(), |_| done());
    never("more in memory than slots", consumer.decided(2000), async || {
        scene.metric("messages_in_flight") > 64.0 || scene.hidden().await > 64
    })
    .await;
    let seen = consumer.stop().await;
    assert!(seen.most_at_once() <= 64);
    assert_eq!(seen.bodies().len(), seen.deliveries());
    dead_letter::purge(&scene.queue()).await.unwrap();
    scene.queues.expect_all_empty(&["orders", "orders-dlq"]).await;
}
