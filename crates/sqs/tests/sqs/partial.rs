//! SQS often answers a receive with a few messages although many are there.

use std::time::Duration;

use futures::FutureExt;
use sqs::{ConsumerConfig, Verdict};
use testbed::Fault;
use tokio::time::sleep;

use crate::{Scene, config};

#[tokio::test]
async fn receives_that_bring_a_few_messages_each_do_not_leave_the_slots_empty() {
    let scene = Scene::start().await;
    scene.send_many("m", 200).await;
    let pause = Duration::from_millis(100);
    // One poller alone could never keep more than two of its answers busy.
    scene.proxy.fail(move |action, call| match action {
        "ReceiveMessage" => Fault::AtMost { messages: 1 + call % 4, after: pause },
        _ => Fault::None,
    });
    let consumer = scene
        .consume(ConsumerConfig { concurrency: 64, ..config() }, move |_| sleep(pause).map(|()| Verdict::Done).boxed());
    consumer.decided(200).await;
    scene.proxy.heal();
    let seen = scene.end(consumer).await;
    assert!(seen.most_at_once() > 8, "{} at once", seen.most_at_once());
}
