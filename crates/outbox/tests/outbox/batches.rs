//! Batches are full by count or by bytes, and never over either limit (aws-sdk-java-v2#5888, #6374).

use testbed::{Fault, never};

use crate::{OutboxScene, Scene, config, done};

const MAX_BYTES: usize = 1_048_576;

#[tokio::test]
async fn a_hundred_waiting_messages_go_out_in_ten_calls() {
    let scene = OutboxScene::start().await;
    scene.add("m", 100).await;
    let relay = scene.relay();
    scene.left(0).await;
    relay.stop().await;
    assert_eq!(scene.batches(), [10; 10]);
    let bodies = scene.drain(100).await;
    assert_eq!(bodies.len(), 100);
    scene.end().await;
}

#[tokio::test]
async fn while_calls_are_under_way_further_ones_start_only_with_ten() {
    let scene = OutboxScene::start().await;
    scene.fail_first(1, "SendMessageBatch", Fault::Hang);
    scene.add("first", 1).await;
    let relay = scene.relay();
    scene.called("SendMessageBatch", 1).await;
    scene.add("nine", 9).await;
    never("a call with nine", scene.quiet_poll(), async || scene.batches().iter().any(|entries| *entries != 1)).await;
    scene.add("the tenth", 1).await;
    scene.left(0).await;
    relay.stop().await;
    assert_eq!(scene.batches().iter().filter(|entries| **entries != 1).collect::<Vec<_>>(), [&10]);
    assert_eq!(scene.drain(11).await.len(), 11);
    scene.end().await;
}

#[tokio::test]
async fn large_messages_are_split_into_batches_by_their_bytes() {
    let scene = OutboxScene::start().await;
    let body = |number: usize| format!("{number:06}{}", "x".repeat(300_000));
    scene.add_bodies((0..12).map(|number| (format!("m-{number:03}"), body(number))).collect()).await;
    let relay = scene.relay();
    scene.left(0).await;
    relay.stop().await;
    assert_eq!(scene.batches(), [3; 4]);
    for request in scene.requests("SendMessageBatch") {
        let text = |entry: &serde_json::Value| {
            let traceparent = entry["MessageAttributes"]["traceparent"]["StringValue"].as_str().unwrap();
            "traceparent".len() + "String".len() + traceparent.len() + entry["MessageBody"].as_str().unwrap().len()
        };
        assert!(request["Entries"].as_array().unwrap().iter().map(text).sum::<usize>() <= MAX_BYTES);
    }
    assert_eq!(scene.drain(12).await.len(), 12);
    scene.end().await;
}

#[tokio::test]
async fn a_message_as_large_as_sqs_takes_goes_out_and_a_larger_one_is_set_aside_alone() {
    let scene = OutboxScene::start().await;
    let attribute = "traceparent".len() + "String".len() + 55;
    let message = |id: &str, bytes: usize| (id.to_owned(), "x".repeat(bytes));
    let (largest, too_large) = (MAX_BYTES - attribute, MAX_BYTES - attribute + 1);
    scene.add_bodies(vec![message("a", 1), message("b", too_large), message("c", largest), message("d", 2)]).await;
    let relay = scene.relay();
    scene.left(1).await;
    relay.stop().await;
    let fault = "larger than the 1048576 bytes that SQS takes";
    assert_eq!(scene.rows().await, [("b".to_owned(), 1, Some(fault.to_owned()))]);
    let mut lengths: Vec<usize> = scene.drain(3).await.iter().map(String::len).collect();
    lengths.sort();
    assert_eq!(lengths, [1, 2, largest]);
    scene.execute("DELETE FROM outbox").await.unwrap();
    scene.end().await;
}

#[tokio::test]
async fn a_thousand_messages_cost_no_more_than_four_hundred_requests() {
    let scene = OutboxScene::start().await;
    let relay = scene.relay();
    let consumer = scene.consume(config().concurrency(64), |_| done());
    for part in 0..20 {
        scene.add(&format!("part{part}"), 50).await;
    }
    consumer.decided(1000).await;
    scene.queues.expect_empty("orders").await;
    let actions = ["SendMessageBatch", "ReceiveMessage", "DeleteMessageBatch"];
    let requests = actions.map(|action| scene.proxy.count(action));
    assert!(requests.iter().sum::<usize>() <= 400, "{actions:?}: {requests:?}");
    relay.stop().await;
    assert_eq!(Scene::end(&scene, consumer).await.deliveries(), 1000);
    scene.end().await;
}
