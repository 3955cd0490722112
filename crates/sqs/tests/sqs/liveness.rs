//! Liveness means progress: a restart is asked for only when nothing else helps.

use std::time::Duration;

use sqs::ConsumerConfig;
use testbed::{Fault, eventually, never};
use tokio::time::sleep;

use crate::{Gate, Scene, config};

/// Longer than three of the polls that the liveness check knows, 5 s each at least.
const LONG: Duration = Duration::from_secs(20);

fn one_slot(lease_cap: Duration) -> ConsumerConfig {
    config().concurrency(1).visibility_timeout(Duration::from_secs(4)).lease_cap(lease_cap)
}

#[tokio::test]
async fn a_consumer_with_all_slots_taken_is_live_for_as_long_as_it_keeps_the_leases() {
    let scene = Scene::start().await;
    scene.queues.send("orders", "slow").await;
    let gate = Gate::shut();
    let held = gate.clone();
    let consumer = scene.consume(one_slot(Duration::from_secs(900)), move |_| held.done());
    consumer.delivered(1).await;
    never("stalled", sleep(LONG), async || consumer.progress.is_stalled()).await;
    gate.open();
    assert_eq!(scene.end(consumer).await.deliveries(), 1);
}

#[tokio::test]
async fn a_consumer_with_all_slots_taken_by_handlers_that_never_end_is_stalled() {
    let scene = Scene::start().await;
    scene.queues.send("orders", "endless").await;
    let gate = Gate::shut();
    let held = gate.clone();
    let consumer = scene.consume(one_slot(Duration::from_secs(1)), move |_| held.done());
    consumer.delivered(1).await;
    assert!(!consumer.progress.is_stalled());
    eventually("stalled", async || consumer.progress.is_stalled().then_some(())).await;
    gate.open();
    eventually("live again", async || (!consumer.progress.is_stalled()).then_some(())).await;
    scene.end(consumer).await;
}

#[tokio::test]
async fn an_idle_consumer_and_one_whose_queue_is_out_of_reach_are_live() {
    let (idle, cut_off) = (Scene::start().await, Scene::start().await);
    cut_off.fail_all("ReceiveMessage", Fault::Hang);
    let consumers = [&idle, &cut_off].map(|scene| scene.consume(config(), |_| crate::done()));
    never("stalled", sleep(LONG), async || consumers.iter().any(|consumer| consumer.progress.is_stalled())).await;
    cut_off.proxy.heal();
    for (scene, consumer) in [&idle, &cut_off].into_iter().zip(consumers) {
        scene.end(consumer).await;
    }
}
