//! What SQS may do and rarely does, when the embedded queue is told to: everything comes, but twice, late or in another
//! order, and some calls are carried out and not answered.

use std::collections::HashMap;

use serde_json::json;

use crate::endpoint::Endpoint;

const MESSAGES: usize = 40;

/// Sends, and takes what comes until nothing is left; how often each body came, and in which order.
async fn send_and_take(endpoint: &Endpoint, unkindness: &str) -> (HashMap<String, usize>, Vec<usize>) {
    let queue = endpoint.queue("unkind").await;
    endpoint.unkind(unkindness);
    for number in 0..MESSAGES {
        queue.send(&number.to_string()).await;
    }
    let (mut times, mut order) = (HashMap::new(), Vec::new());
    testbed::eventually("all is there", async || {
        for message in queue.receive_all().await {
            let body = message.body().unwrap().to_owned();
            order.push(body.parse().unwrap());
            *times.entry(body).or_insert(0) += 1;
            queue.delete(&message).await;
        }
        (queue.counters().await == [0, 0, 0]).then_some(())
    })
    .await;
    (times, order)
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html>
#[tokio::test]
async fn messages_come_twice() {
    let endpoint = Endpoint::start().await;
    if endpoint.localstack_differs("it is always kind") {
        return;
    }
    let (times, _) = send_and_take(&endpoint, "seed=1,duplicates=0.5").await;
    assert_eq!(times.len(), MESSAGES, "none is lost");
    assert!(times.values().all(|times| (1..=2).contains(times)));
    assert!((5..MESSAGES - 5).contains(&times.values().filter(|times| **times == 2).count()), "{times:?}");
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-best-effort-ordering.html>
#[tokio::test]
async fn messages_come_in_another_order() {
    let endpoint = Endpoint::start().await;
    if endpoint.localstack_differs("it is always kind") {
        return;
    }
    let (times, order) = send_and_take(&endpoint, "seed=1,reordered=0.5").await;
    assert!(times.len() == MESSAGES && times.values().all(|times| *times == 1), "each once: {times:?}");
    assert!(!order.is_sorted(), "{order:?}");
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues.html>
#[tokio::test]
async fn messages_come_late() {
    let endpoint = Endpoint::start().await;
    if endpoint.localstack_differs("it is always kind") {
        return;
    }
    let queue = endpoint.queue("late").await;
    endpoint.unkind("seed=1,late=1");
    for number in 0..10 {
        queue.send(&number.to_string()).await;
    }
    let mut come = queue.receive_all().await.len();
    assert!(come < 10, "all at once");
    testbed::eventually("all have come", async || {
        come += queue.receive_all().await.len();
        (come == 10).then_some(())
    })
    .await;
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/best-practices-error-handling.html>
#[tokio::test]
async fn a_call_whose_answer_is_lost_has_been_carried_out() {
    let endpoint = Endpoint::start().await;
    if endpoint.localstack_differs("it answers always") {
        return;
    }
    let queue = endpoint.queue("lost").await;
    endpoint.unkind("seed=1,lost-answers=1");
    let request = endpoint
        .http()
        .post(&endpoint.url)
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", "AmazonSQS.SendMessage")
        .body(json!({ "QueueUrl": queue.url, "MessageBody": "sent" }).to_string());
    request.send().await.unwrap_err();
    endpoint.unkind("lost-answers=0");
    assert_eq!(queue.receive().await.unwrap().body(), Some("sent"));
}
