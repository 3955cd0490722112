//! Long polls: answered the moment a message is there.

use std::time::Duration;

use futures::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::endpoint::{Endpoint, Queue, receive_count};

/// A receive that waits, under way when this returns (as far as a client can know).
async fn poll(queue: &Queue) -> tokio::task::JoinHandle<Option<aws_sdk_sqs::types::Message>> {
    let receiving = queue.receiving().wait_time_seconds(4);
    let poll = tokio::spawn(async { receiving.send().await.unwrap().messages.unwrap_or_default().pop() });
    for _ in 0..3 {
        queue.counters().await;
    }
    poll
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html>
#[tokio::test]
async fn a_poll_is_answered_when_a_message_is_sent() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("polled").await;
    let poll = poll(&queue).await;
    queue.send("sent").await;
    assert_eq!(poll.await.unwrap().unwrap().body(), Some("sent"));
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html>
#[tokio::test]
async fn a_poll_is_answered_when_a_message_becomes_visible_again() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("polled").await;
    queue.send("again").await;
    let held = queue.receive_for(1).await.unwrap();
    let message = poll(&queue).await.await.unwrap().expect("its time is over");
    assert_eq!((message.message_id(), receive_count(&message)), (held.message_id(), 2));

    let waiting = poll(&queue).await;
    queue.hide(&message, 0).await;
    let message = waiting.await.unwrap().expect("it was given back");
    assert_eq!(receive_count(&message), 3);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-timers.html>
#[tokio::test]
async fn a_poll_is_answered_when_a_delay_ends() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue_with("polled", &[("DelaySeconds", "1")]).await;
    queue.send("delayed").await;
    assert_eq!(poll(&queue).await.await.unwrap().unwrap().body(), Some("delayed"));
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html>
#[tokio::test]
async fn a_poll_of_a_dead_letter_queue_is_answered_when_a_message_is_moved_there() {
    let endpoint = Endpoint::start().await;
    let (queue, dead_letters) = endpoint.with_dead_letters("polled", 1).await;
    queue.send("poison").await;
    queue.receive_for(0).await.unwrap();
    let poll = poll(&dead_letters).await;
    assert!(queue.receive().await.is_none());
    assert_eq!(poll.await.unwrap().unwrap().body(), Some("poison"));
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>
#[tokio::test]
async fn a_poll_waits_as_long_as_the_queue_says_unless_it_says_so_itself() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue_with("polled", &[("ReceiveMessageWaitTimeSeconds", "4")]).await;
    let own = queue.receiving().wait_time_seconds(0).send().await.unwrap();
    assert!(own.messages().is_empty());
    let receiving = queue.receiving();
    let poll = tokio::spawn(async { receiving.send().await.unwrap().messages.unwrap_or_default() });
    for _ in 0..3 {
        queue.counters().await;
    }
    queue.send("waited for").await;
    assert_eq!(poll.await.unwrap().len(), 1);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>
#[tokio::test]
async fn a_poll_of_an_empty_queue_ends_without_messages() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("polled").await;
    let answer = queue.receiving().wait_time_seconds(1).send().await.unwrap();
    assert_eq!(answer.messages, None);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html>
#[tokio::test]
async fn several_polls_share_what_comes() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("shared").await;
    let mut polls = Vec::new();
    for _ in 0..4 {
        polls.push(poll(&queue).await);
    }
    for body in ["1", "2", "3", "4"] {
        queue.send(body).await;
    }
    let received = join_all(polls).await.into_iter().map(|poll| poll.unwrap().expect("each poll gets one"));
    let mut bodies: Vec<_> = received.map(|message| message.body.unwrap()).collect();
    bodies.sort_unstable();
    assert_eq!(bodies, ["1", "2", "3", "4"]);
}

/// A client that is gone cannot delete what it was sent: the message would be hidden, and its receive counted, for
/// nothing.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html>
#[tokio::test]
async fn a_poll_whose_client_is_gone_takes_nothing() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("gone").await;
    if endpoint.localstack_differs("the poll takes the next message with it") {
        return;
    }
    let body = format!(r#"{{"QueueUrl":"{}","WaitTimeSeconds":20}}"#, queue.url);
    let address = endpoint.url.trim_start_matches("http://");
    let mut client = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST / HTTP/1.1\r\nhost: {address}\r\nx-amz-target: AmazonSQS.ReceiveMessage\r\n\
         content-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    client.write_all(request.as_bytes()).await.unwrap();
    for _ in 0..3 {
        queue.counters().await;
    }
    client.shutdown().await.unwrap();
    // The endpoint closes its side once it has noticed.
    let mut answer = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(10), client.read_to_end(&mut answer)).await;
    closed.expect("the endpoint holds on to a poll of nobody").unwrap();

    queue.send("kept").await;
    let message = queue.await_one().await;
    assert_eq!(receive_count(&message), 1);
}
