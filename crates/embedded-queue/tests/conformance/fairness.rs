//! Fair queues: a group that has more than its share in flight waits behind the others.

use crate::endpoint::{Endpoint, Queue, bodies};

async fn send(queue: &Queue, group: &str, body: &str) {
    let call = queue.sqs.send_message().queue_url(&queue.url).message_body(body).message_group_id(group);
    call.send().await.unwrap();
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html>
#[tokio::test]
async fn a_quiet_tenants_message_does_not_wait_behind_the_backlog_of_a_noisy_one() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("fair").await;
    if endpoint.localstack_differs("it has no fair queues, messages come in the order of their sending") {
        return;
    }
    for _ in 0..30 {
        send(&queue, "noisy", "noisy").await;
    }
    send(&queue, "quiet", "quiet").await;
    let mut first = queue.receive_all().await;
    first.extend(queue.receive_all().await);
    assert_eq!(first.len(), 20);
    assert!(bodies(&first).contains(&"quiet"), "it came after all thirty");
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html>
#[tokio::test]
async fn a_noisy_tenant_alone_gets_everything_and_nothing_of_it_is_lost() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("fair").await;
    for _ in 0..25 {
        send(&queue, "noisy", "noisy").await;
    }
    let mut received = 0;
    for expected in [10, 10, 5] {
        let messages = queue.receive_all().await;
        assert_eq!(bodies(&messages), vec!["noisy"; expected]);
        received += messages.len();
    }
    assert_eq!((received, queue.counters().await), (25, [0, 25, 0]));
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html>
#[tokio::test]
async fn a_tenant_is_quiet_again_once_its_messages_are_done() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("fair").await;
    for number in 0..10 {
        send(&queue, "tenant", &number.to_string()).await;
    }
    for message in queue.receive_all().await {
        queue.delete(&message).await;
    }
    send(&queue, "tenant", "first").await;
    send(&queue, "other", "second").await;
    assert_eq!(queue.receive().await.unwrap().body(), Some("first"));
}
