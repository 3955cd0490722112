//! The relay sends what has been committed: at once, once, and whatever happens to it or beside it.

use std::collections::HashSet;
use std::time::Duration;

use outbox::Outbox;
use testbed::{Fault, eventually, never};

use crate::scene::open;
use crate::{OutboxScene, Scene, config, done};

const SEND: &str = "SendMessageBatch";

#[tokio::test]
async fn a_committed_message_goes_out_without_a_polling_delay() {
    let scene = OutboxScene::start().await;
    let relay = scene.relay();
    // The relay looks for other instances' rows once a second: that would find ten of these.
    let one_by_one = async {
        for number in 0..30 {
            scene.add(&format!("m{number}"), 1).await;
            scene.left(0).await;
        }
    };
    let ten_seconds = Duration::from_secs(10);
    tokio::select! {
        () = one_by_one => {}
        _ = scene.queues.receive("payments", ten_seconds, ten_seconds) => {
            panic!("thirty messages in a row did not go out while one long poll was open");
        }
    }
    relay.stop().await;
    assert_eq!(scene.drain(30).await.len(), 30);
    scene.end().await;
}

#[tokio::test]
async fn a_message_carries_its_trace_from_the_outbox_to_the_handler() {
    let scene = OutboxScene::start().await;
    let relay = scene.relay();
    scene.add("m", 1).await;
    scene.left(0).await;
    let sent = scene.entries(SEND)[0]["MessageAttributes"]["traceparent"]["StringValue"].as_str().unwrap().to_owned();
    let trace_id = sent.split('-').nth(1).unwrap().to_owned();
    let consumer = scene.consume(config(), move |delivery| {
        assert_eq!(delivery.trace.trace_id(), trace_id);
        assert_eq!(delivery.attributes["traceparent"], sent);
        done()
    });
    consumer.decided(1).await;
    relay.stop().await;
    assert_eq!(Scene::end(&scene, consumer).await.deliveries(), 1);
    scene.end().await;
}

#[tokio::test]
async fn what_a_killed_relay_had_claimed_is_left_alone_until_its_lease_ends_and_then_sent() {
    let scene = OutboxScene::start().await;
    // An instance that was there already: one that starts afterwards knows, on SQLite, that nobody has the rows any more.
    let another = Outbox::new(open(&scene.url).await, 1000);
    scene.add("claimed", 3).await;
    scene.fail_all(SEND, Fault::Hang);
    let first = scene.relay();
    scene.called(SEND, 1).await;
    first.kill().await;
    scene.proxy.heal();
    let second = scene.relay_of(another);
    let before = scene.proxy.count(SEND);
    never("a claimed row is sent", scene.quiet_poll(), async || scene.proxy.count(SEND) > before).await;
    // It is not idle: what is free it sends.
    scene.add("free", 1).await;
    scene.left(3).await;
    scene.execute("UPDATE outbox SET lease_until = lease_until - 30000").await.unwrap();
    scene.left(0).await;
    second.stop().await;
    let mut bodies = scene.drain(4).await;
    bodies.sort();
    assert_eq!(bodies, ["claimed-000", "claimed-001", "claimed-002", "free-000"]);
    scene.end().await;
}

#[tokio::test]
async fn two_relays_of_one_database_send_each_row_once() {
    let scene = OutboxScene::start().await;
    let other = Outbox::new(open(&scene.url).await, 1000);
    let relays = [scene.relay(), scene.relay_of(other)];
    for part in 0..10 {
        scene.add(&format!("part{part}"), 30).await;
    }
    scene.left(0).await;
    for relay in relays {
        relay.stop().await;
    }
    let bodies = scene.drain(300).await;
    assert_eq!((bodies.len(), bodies.iter().collect::<HashSet<_>>().len()), (300, 300));
    scene.end().await;
}

#[tokio::test]
async fn a_stop_sends_what_is_still_waiting() {
    let scene = OutboxScene::start().await;
    let relay = scene.relay();
    scene.add("m", 400).await;
    relay.stop().await;
    assert_eq!(scene.rows().await, []);
    assert_eq!(scene.drain(400).await.len(), 400);
    scene.end().await;
}

#[tokio::test]
async fn a_stop_while_the_queue_is_out_of_reach_ends_and_keeps_the_rows() {
    let scene = OutboxScene::start().await;
    scene.fail_all(SEND, Fault::Error(500, "InternalFailure"));
    let first = scene.relay();
    scene.add("m", 20).await;
    scene.called(SEND, 1).await;
    first.stop().await;
    assert_eq!(scene.rows().await.len(), 20);
    scene.proxy.heal();
    let second = scene.relay();
    scene.left(0).await;
    second.stop().await;
    assert_eq!(scene.drain(20).await.len(), 20);
    scene.end().await;
}

#[tokio::test]
async fn the_outbox_is_full_from_its_cap_until_the_queue_has_taken_some() {
    let scene = OutboxScene::start().await;
    let outbox = Outbox::new(scene.database.clone(), 20);
    scene.fail_all(SEND, Fault::Error(403, "AccessDenied"));
    let relay = scene.relay_of(outbox.clone());
    scene.add("m", 19).await;
    eventually("the rows are counted", async || (scene.metric("outbox_pending") == 19.0).then_some(())).await;
    assert!(!outbox.is_full());
    scene.add("another instance's", 1).await;
    eventually("full", async || outbox.is_full().then_some(())).await;
    scene.proxy.heal();
    eventually("no longer full", async || (!outbox.is_full()).then_some(())).await;
    relay.stop().await;
    assert_eq!(scene.drain(20).await.len(), 20);
    scene.end().await;
}
