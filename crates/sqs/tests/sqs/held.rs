//! An outage is nobody's fault: while what a handler depends on is away, messages are held, and none uses up a receive.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqs::{Backoff, ConsumerConfig, Verdict};
use testbed::{Fault, eventually, never};

use crate::{Gate, Logs, Scene, away, config, done, reject, retry};

const SEND: &str = "SendMessageBatch";
const EXTEND: &str = "ChangeMessageVisibilityBatch";
const OUTAGE: &str = "an outage, receiving pauses";

fn two_seconds() -> ConsumerConfig {
    config().visibility_timeout(Duration::from_secs(2))
}

/// Waits until the consumer has taken all that there is.
async fn all_taken(scene: &Scene) {
    let taken = async || (scene.queues.reported("orders").await == 0).then_some(());
    eventually("all messages are taken", taken).await;
}

async fn outage(logs: &Logs) {
    eventually("an outage", async || (logs.count(OUTAGE) == 1).then_some(())).await;
}

#[tokio::test]
async fn a_lone_message_is_tried_in_place_until_its_dependency_is_back() {
    let scene = Scene::start().await;
    scene.queues.send("orders", "lone").await;
    let back = Gate::shut();
    let answers = back.clone();
    // The cap is for handlers that hang, so it does not end this hold.
    let capped = two_seconds().lease_cap(Duration::from_secs(2));
    let consumer = scene.consume(capped, move |_| if answers.is_open() { done() } else { away() });
    // Six extensions are three visibility timeouts at least.
    scene.called(EXTEND, 6).await;
    back.open();
    let seen = scene.end(consumer).await;
    assert!(seen.deliveries() > 2 && seen.attempts("lone").iter().all(|attempt| *attempt == 1));
    assert_eq!((scene.metric("leases_lost_total"), scene.metric("messages_settled_total")), (0.0, 1.0));
}

#[tokio::test]
async fn in_an_outage_nothing_is_received_and_afterwards_everything() {
    let (scene, logs) = (Scene::start().await, Logs::capture());
    let back = Gate::shut();
    let answers = back.clone();
    let many_slots = config().concurrency(64);
    let consumer = scene.consume(many_slots, move |_| if answers.is_open() { done() } else { away() });
    scene.send_many("held", 10).await;
    outage(&logs).await;
    // The polls that were open then are back after this.
    scene.quiet_poll().await;
    let receives = scene.proxy.count("ReceiveMessage");
    scene.send_many("waiting", 20).await;
    never("a receive", scene.quiet_poll(), async || scene.proxy.count("ReceiveMessage") > receives).await;
    assert_eq!(consumer.bodies().len(), 10);
    assert!(!consumer.progress.is_stalled());
    back.open();
    eventually("all are handled", async || (consumer.bodies().len() == 30).then_some(())).await;
    let seen = scene.end(consumer).await;
    assert!(seen.bodies().iter().all(|body| seen.attempts(body).iter().all(|attempt| *attempt == 1)));
    assert_eq!(logs.count("the outage is over"), 1);
}

#[tokio::test]
async fn a_message_that_alone_finds_its_dependency_away_ends_in_the_dead_letter_queue() {
    let scene = Scene::start().await;
    let retry = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
    let consumer =
        scene.consume(config().retry(retry), |delivery| if delivery.body == "bad" { away() } else { done() });
    scene.queues.send("orders", "bad").await;
    let mut others = 0;
    eventually("the bad one is dead-lettered", async || {
        others += 1;
        scene.queues.send("orders", &format!("good-{others}")).await;
        (scene.queues.reported("orders-dlq").await == 1).then_some(())
    })
    .await;
    assert_eq!(scene.queues.take("orders-dlq").await.body, "bad");
    all_taken(&scene).await;
    let seen = scene.end(consumer).await;
    assert_eq!(seen.attempts("bad").iter().max(), Some(&5));
    for good in (1..=others).map(|other| format!("good-{other}")) {
        assert_eq!(seen.attempts(&good), [1], "nobody is held up");
    }
}

#[tokio::test]
async fn when_several_messages_in_a_row_fail_the_rest_is_held_too() {
    let (scene, logs) = (Scene::start().await, Logs::capture());
    let back = Gate::shut();
    let answers = back.clone();
    let consumer = scene.consume(two_seconds(), move |_| if answers.is_open() { done() } else { retry(Some(0)) });
    scene.send_many("m", 10).await;
    outage(&logs).await;
    // Trials, which are made in place.
    consumer.decided(consumer.verdicts() + 3).await;
    back.open();
    all_taken(&scene).await;
    let seen = scene.end(consumer).await;
    assert_eq!(seen.bodies().len(), 10);
    let most = seen.bodies().iter().filter_map(|body| seen.attempts(body).into_iter().max()).max();
    assert!(most <= Some(3), "receives used up: {most:?}");
}

#[tokio::test]
async fn a_stop_during_an_outage_gives_back_what_is_held_at_once() {
    let scene = Scene::start().await;
    scene.queues.send("orders", "held").await;
    let consumer = scene.consume(config(), |_| away());
    consumer.decided(2).await;
    consumer.stop().await;
    assert_eq!(scene.take_visible().await, ("held".to_owned(), 1));
    scene.queues.expect_all_empty(&["orders", "orders-dlq"]).await;
}

#[tokio::test]
async fn a_message_that_somebody_else_is_at_is_tried_again_in_place() {
    let scene = Scene::start().await;
    scene.queues.send("orders", "taken").await;
    let free = Gate::shut();
    let taken = free.clone();
    let consumer = scene.consume(two_seconds(), move |_| {
        if taken.is_open() {
            return done();
        }
        let busy = Verdict::Busy { reason: "somebody has it".into(), after: Duration::from_millis(300) };
        Box::pin(std::future::ready(busy))
    });
    scene.called(EXTEND, 4).await;
    free.open();
    let seen = scene.end(consumer).await;
    assert!(seen.deliveries() > 2 && seen.attempts("taken").iter().all(|attempt| *attempt == 1));
}

#[tokio::test]
async fn what_somebody_else_has_for_long_leaves_half_of_the_slots_to_others() {
    let scene = Scene::start().await;
    scene.send_many("taken", 4).await;
    scene.queues.send("orders", "free").await;
    let back = Gate::shut();
    let given = back.clone();
    let consumer = scene.consume(two_seconds().concurrency(2), move |delivery| {
        if given.is_open() || delivery.body == "free" {
            return done();
        }
        let busy = Verdict::Busy { reason: "somebody has it".into(), after: Duration::from_millis(300) };
        Box::pin(std::future::ready(busy))
    });
    eventually("another one is handled", async || consumer.bodies().contains("free").then_some(())).await;
    back.open();
    all_taken(&scene).await;
    let seen = scene.end(consumer).await;
    let stayed = |body: &String| {
        let attempts = seen.attempts(body);
        attempts.len() > 2 && attempts.iter().all(|attempt| *attempt == 1)
    };
    assert!(seen.bodies().iter().any(stayed), "the other half is held at no cost");
}

#[tokio::test]
async fn a_message_on_trial_that_cannot_be_dead_lettered_yet_leaves_the_next_trial_to_another() {
    let (scene, logs) = (Scene::start().await, Logs::capture());
    let back = Gate::shut();
    let (answers, first) = (back.clone(), AtomicBool::new(true));
    let consumer = scene.consume(config(), move |_| match answers.is_open() {
        false => away(),
        true if first.swap(false, Ordering::SeqCst) => reject("not this one"),
        true => done(),
    });
    scene.send_many("m", 10).await;
    outage(&logs).await;
    scene.proxy.fail(|action, _| if action == SEND { Fault::Error(403, "AccessDenied") } else { Fault::None });
    back.open();
    eventually("the outage is over", async || (logs.count("the outage is over") == 1).then_some(())).await;
    scene.proxy.heal();
    scene.queues.take("orders-dlq").await;
    scene.end(consumer).await;
}
