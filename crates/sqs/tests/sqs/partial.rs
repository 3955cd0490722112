//! SQS often answers a receive with a few messages although many are there.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::FutureExt;
use sqs::Verdict;
use testbed::Fault;
use tokio::time::sleep;

use crate::{Scene, config};

#[tokio::test]
async fn receives_that_bring_a_few_messages_each_do_not_leave_the_slots_empty() {
    let scene = Scene::start().await;
    scene.send_many("m", 160).await;
    // While one poller has received 17 times, its first message is done: alone, it could keep 42 slots busy.
    let (until_it_comes, at_it) = (Duration::from_millis(300), Duration::from_secs(5));
    let so_far = AtomicUsize::new(0);
    scene.proxy.fail(move |action, _| match action {
        "ReceiveMessage" => {
            Fault::AtMost { messages: 1 + so_far.fetch_add(1, Ordering::SeqCst) % 4, after: until_it_comes }
        }
        _ => Fault::None,
    });
    let consumer = scene.consume(config().concurrency(64), move |_| sleep(at_it).map(|()| Verdict::Done).boxed());
    consumer.delivered(160).await;
    let receives = scene.proxy.count("ReceiveMessage");
    scene.proxy.heal();
    let seen = scene.end(consumer).await;
    let most = seen.most_at_once();
    println!("{most} of 64 slots, {receives} receives where 64 could do");
    assert!(most >= 48, "{most} at once in 64 slots");
    assert!(receives <= 96, "{receives} receives for what 64 could bring");
}

#[tokio::test]
async fn where_slots_are_scarce_a_receive_takes_few_more_than_it_fills() {
    let scene = Scene::start().await;
    scene.send_many("m", 600).await;
    let (until_it_comes, at_it) = (Duration::from_millis(20), Duration::from_millis(150));
    scene.proxy.fail(move |action, call| match action {
        "ReceiveMessage" => Fault::AtMost { messages: 1 + call % 4, after: until_it_comes },
        _ => Fault::None,
    });
    let consumer = scene.consume(config().concurrency(64), move |_| sleep(at_it).map(|()| Verdict::Done).boxed());
    consumer.decided(600).await;
    let asked: Vec<u64> =
        scene.requests("ReceiveMessage").iter().filter_map(|request| request["MaxNumberOfMessages"].as_u64()).collect();
    let mean = asked.iter().sum::<u64>() as f64 / asked.len() as f64;
    assert!(mean < 8.0, "receives that could bring 2.5 messages took {mean:.1} slots");
    scene.proxy.heal();
    scene.end(consumer).await;
}
