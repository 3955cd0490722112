//! What an instance commits is handed over to its relay in memory; whatever becomes of the two, each message goes out.

use std::collections::HashSet;
use std::time::Duration;

use futures::future::join_all;
use outbox::Outbox;
use testbed::{Fault, never};
use tokio::time::Instant;

use crate::OutboxScene;
use crate::scene::{LEASE, RunningRelay, named, open};

const SEND: &str = "SendMessageBatch";
/// As if all leases had ended.
const LATER: &str = "UPDATE outbox SET lease_until = lease_until - 12000 WHERE lease_until > 0";

/// Another instance of the service: an outbox on the same database, with so many places in memory, and its relay.
async fn instance(scene: &OutboxScene, places: usize) -> (Outbox, RunningRelay) {
    let outbox = Outbox::new(open(&scene.url).await, places);
    let relay = scene.relay_of(outbox.clone());
    scene.called("GetQueueUrl", 1).await;
    (outbox, relay)
}

fn distinct(bodies: &[String]) -> usize {
    bodies.iter().collect::<HashSet<_>>().len()
}

#[tokio::test]
async fn what_is_handed_over_is_sent_although_no_look_at_the_table_would_find_it() {
    let scene = OutboxScene::start().await;
    let (outbox, relay) = instance(&scene, 100).await;
    scene.fail_all(SEND, Fault::Hang);
    assert_eq!(scene.commit(&outbox, named("m", 30), Instant::now()).await, 30);
    assert!(scene.leases().await.iter().all(|lease| *lease > 0), "each is taken already");
    scene.proxy.heal();
    scene.left(0).await;
    relay.stop().await;
    assert_eq!(distinct(&scene.drain(30).await), 30);
    scene.end().await;
}

#[tokio::test]
async fn what_a_full_hand_over_has_no_place_for_goes_out_by_the_table_in_full_batches() {
    let scene = OutboxScene::start().await;
    let (outbox, relay) = instance(&scene, 100).await;
    assert_eq!(scene.commit(&outbox, named("first", 300), Instant::now()).await, 100);
    for part in 0..2 {
        let handed_over = scene.commit(&outbox, named(&format!("part{part}"), 300), Instant::now()).await;
        assert!(handed_over <= 100, "{handed_over}");
    }
    scene.left(0).await;
    assert_eq!(scene.commit(&outbox, named("next", 100), Instant::now()).await, 100, "all places are free again");
    scene.left(0).await;
    relay.stop().await;
    let bodies = scene.drain(1000).await;
    assert_eq!((bodies.len(), distinct(&bodies)), (1000, 1000));
    let batches = scene.batches().len();
    assert!(batches <= 130, "{batches} calls for 100 full batches");
    scene.end().await;
}

#[tokio::test]
async fn a_message_too_large_for_what_is_left_in_memory_goes_out_by_the_table() {
    let scene = OutboxScene::start().await;
    let (outbox, relay) = instance(&scene, 100).await;
    let large = |number: usize| (format!("m-{number}"), format!("{number}{}", "x".repeat(1_000_000)));
    let handed_over = scene.commit(&outbox, (0..9).map(large).collect(), Instant::now()).await;
    assert!((1..9).contains(&handed_over), "{handed_over} MB in memory");
    scene.left(0).await;
    relay.stop().await;
    assert_eq!(distinct(&scene.drain(9).await), 9);
    scene.end().await;
}

#[tokio::test]
async fn a_row_whose_lease_is_nearly_over_is_dropped_and_sent_by_whoever_claims_it() {
    let scene = OutboxScene::start().await;
    let (outbox, relay) = instance(&scene, 100).await;
    // So slow was the statement.
    let long_ago = Instant::now() - LEASE + Duration::from_secs(2);
    assert_eq!(scene.commit(&outbox, named("late", 3), long_ago).await, 3);
    scene.add_by(&outbox, "in time", 1).await;
    scene.left(3).await;
    never("a late row is sent", scene.quiet_poll(), async || scene.entries(SEND).len() > 1).await;
    scene.execute(LATER).await.unwrap();
    scene.left(0).await;
    relay.stop().await;
    let bodies = scene.drain(4).await;
    assert_eq!((bodies.len(), distinct(&bodies)), (4, 4), "each once");
    scene.end().await;
}

#[tokio::test]
async fn two_relays_of_one_database_one_of_them_stopped_under_load_send_each_message() {
    let scene = OutboxScene::start().await;
    let [(first, stopped), (second, going_on)] = [instance(&scene, 100).await, instance(&scene, 100).await];
    let load = async {
        for part in 0..20 {
            let prefixes = [format!("first{part}"), format!("second{part}")];
            tokio::join!(scene.add_by(&first, &prefixes[0], 10), scene.add_by(&second, &prefixes[1], 10));
        }
    };
    let stop = async {
        scene.called(SEND, 5).await;
        stopped.stop().await;
    };
    tokio::join!(load, stop);
    scene.left(0).await;
    going_on.stop().await;
    let bodies = scene.drain(400).await;
    assert_eq!((bodies.len(), distinct(&bodies)), (400, 400));
    scene.end().await;
}

#[tokio::test]
async fn what_is_committed_while_a_relay_ends_is_free_for_others_at_once() {
    let scene = OutboxScene::start().await;
    scene.fail_all(SEND, Fault::Hang);
    let (outbox, relay) = instance(&scene, 100).await;
    let prefixes: Vec<String> = (0..40).map(|part| format!("part{part:02}")).collect();
    let commits = prefixes.iter().map(|prefix| scene.add_by(&outbox, prefix, 5));
    let stop = async {
        scene.called(SEND, 1).await;
        relay.deadline.cancel();
        relay.stop().await;
    };
    tokio::join!(join_all(commits), stop);
    assert_eq!(scene.leases().await, [0; 200], "nothing is held by one that is gone");
    scene.proxy.heal();
    let (_, another) = instance(&scene, 100).await;
    scene.left(0).await;
    another.stop().await;
    assert_eq!(distinct(&scene.drain(200).await), 200);
    scene.end().await;
}

#[tokio::test]
async fn what_a_relay_killed_with_a_full_hand_over_had_goes_out_once_its_leases_end() {
    let scene = OutboxScene::start().await;
    scene.fail_all(SEND, Fault::Hang);
    let (outbox, relay) = instance(&scene, 150).await;
    let handed_over = scene.commit(&outbox, named("m", 200), Instant::now()).await;
    assert_eq!(handed_over, 150);
    scene.called(SEND, 8).await;
    relay.kill().await;
    scene.proxy.heal();
    assert_eq!(scene.commit(&outbox, named("after", 1), Instant::now()).await, 0, "nobody would take it");
    let (_, another) = instance(&scene, 150).await;
    scene.execute(LATER).await.unwrap();
    scene.left(0).await;
    another.stop().await;
    assert_eq!(distinct(&scene.drain(201).await), 201);
    scene.end().await;
}
