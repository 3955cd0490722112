//! Never more messages than free slots, so that none waits while its visibility timeout runs (MassTransit#3585), and a
//! slot is free again as soon as its message is settled, whatever the others do (bbc/sqs-consumer#96).

use testbed::never;

use crate::{Gate, Scene, config, done};

#[tokio::test]
async fn no_more_messages_are_received_than_there_are_free_slots() {
    let scene = Scene::start().await;
    scene.send_many("m", 12).await;
    let gate = Gate::shut();
    let held = gate.clone();
    let consumer = scene.consume(config().concurrency(3), move |_| held.done());
    consumer.delivered(3).await;
    let receives = scene.proxy.count("ReceiveMessage");
    never("a receive without a free slot", scene.quiet_poll(), async || {
        scene.proxy.count("ReceiveMessage") > receives || scene.hidden().await > 3
    })
    .await;
    gate.open();
    never("more messages than slots", consumer.decided(12), async || scene.hidden().await > 3).await;
    assert!(consumer.most_at_once() <= 3);
    let asked_for = |receive: &serde_json::Value| receive["MaxNumberOfMessages"].as_u64();
    assert!(scene.requests("ReceiveMessage").iter().all(|receive| asked_for(receive) <= Some(3)));
    scene.end(consumer).await;
}

#[tokio::test]
async fn the_slowest_of_ten_messages_does_not_hold_up_the_next_ones() {
    let scene = Scene::start().await;
    scene.send_many("first", 10).await;
    let gate = Gate::shut();
    let held = gate.clone();
    let consumer =
        scene.consume(config(), move |delivery| if delivery.body == "first-4" { held.done() } else { done() });
    consumer.delivered(10).await;
    scene.send_many("next", 30).await;
    consumer.decided(39).await;
    gate.open();
    assert_eq!(scene.end(consumer).await.deliveries(), 40);
}
