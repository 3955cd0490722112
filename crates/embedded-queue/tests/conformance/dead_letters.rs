//! Messages that were received too often, and where they go.

use aws_sdk_sqs::types::MessageAttributeValue;

use crate::endpoint::{Endpoint, Queue, bodies, receive_count, redrive_policy, system};

/// Receives what is there so often that the next receive moves it.
async fn use_up(queue: &Queue, max_receive_count: u32) {
    for _ in 0..max_receive_count {
        queue.receive_for(0).await.expect("it may be received that often");
    }
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html>
#[tokio::test]
async fn a_message_is_moved_by_the_receive_after_the_limit() {
    let endpoint = Endpoint::start().await;
    let (queue, dead_letters) = endpoint.with_dead_letters("limit", 2).await;
    queue.send("poison").await;
    use_up(&queue, 2).await;
    assert_eq!((queue.counters().await, dead_letters.counters().await), ([1, 0, 0], [0, 0, 0]));
    assert!(queue.receive().await.is_none());
    assert_eq!((queue.counters().await, dead_letters.counters().await), ([0, 0, 0], [1, 0, 0]));
    assert_eq!(dead_letters.receive().await.unwrap().body(), Some("poison"));
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html>
#[tokio::test]
async fn the_receive_that_moves_a_message_brings_the_others() {
    let endpoint = Endpoint::start().await;
    let (queue, dead_letters) = endpoint.with_dead_letters("others", 1).await;
    queue.send("poison").await;
    use_up(&queue, 1).await;
    queue.send("good").await;
    assert_eq!(bodies(&queue.receive_all().await), ["good"]);
    assert_eq!(dead_letters.counters().await, [1, 0, 0]);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html>
#[tokio::test]
async fn a_dead_letter_keeps_its_id_its_attributes_and_the_time_it_was_sent_and_goes_on_counting() {
    let endpoint = Endpoint::start().await;
    let (queue, dead_letters) = endpoint.with_dead_letters("kept", 1).await;
    let value = MessageAttributeValue::builder().data_type("String").string_value("foobar").build().unwrap();
    let call = endpoint.sqs.send_message().queue_url(&queue.url).message_body("poison");
    call.message_attributes("MyAttribute", value.clone()).message_group_id("tenant").send().await.unwrap();
    let before = queue.receive_for(0).await.unwrap();
    assert!(queue.receive().await.is_none());

    let after = dead_letters.receive().await.unwrap();
    assert_eq!((after.message_id(), after.body()), (before.message_id(), before.body()));
    assert_eq!(after.message_attributes().unwrap()["MyAttribute"], value);
    assert_eq!(after.md5_of_message_attributes(), before.md5_of_message_attributes());
    for kept in ["SentTimestamp", "SenderId", "MessageGroupId"] {
        assert_eq!(system(&after, kept), system(&before, kept), "{kept}");
    }
    assert_eq!(receive_count(&after), 2);
    assert_eq!(system(&after, "DeadLetterQueueSourceArn"), queue.arn);
    assert_eq!(system(&before, "DeadLetterQueueSourceArn"), "");
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html>
#[tokio::test]
async fn a_message_whose_time_is_over_after_the_last_receive_stays_until_it_would_be_received_again() {
    let endpoint = Endpoint::start().await;
    let (queue, dead_letters) = endpoint.with_dead_letters("stays", 1).await;
    queue.send("slow").await;
    let message = queue.receive_for(1).await.unwrap();
    queue.await_counters([1, 0, 0]).await;
    assert_eq!(dead_letters.counters().await, [0, 0, 0]);
    queue.delete(&message).await;
    assert!(queue.receive().await.is_none());
    assert_eq!(dead_letters.counters().await, [0, 0, 0], "it was done after all");
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-message-identifiers.html>
#[tokio::test]
async fn a_handle_from_before_the_move_has_no_hold_on_the_dead_letter() {
    let endpoint = Endpoint::start().await;
    let (queue, dead_letters) = endpoint.with_dead_letters("handles", 1).await;
    queue.send("poison").await;
    let message = queue.receive_for(0).await.unwrap();
    assert!(queue.receive().await.is_none());
    queue.delete(&message).await;
    assert_eq!(dead_letters.counters().await, [1, 0, 0]);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue.html>
#[tokio::test]
async fn a_deleted_dead_letter_queue_loses_nothing_the_messages_stay_where_they_are() {
    let endpoint = Endpoint::start().await;
    let (queue, dead_letters) = endpoint.with_dead_letters("deleted", 1).await;
    queue.send("poison").await;
    use_up(&queue, 1).await;
    endpoint.sqs.delete_queue().queue_url(&dead_letters.url).send().await.unwrap();
    if endpoint.localstack_differs("the receive fails, and the message is gone") {
        return;
    }
    let message = queue.receive().await.expect("it goes on being received");
    assert_eq!((message.body(), receive_count(&message)), (Some("poison"), 2));
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue.html>
#[tokio::test]
async fn a_redrive_policy_that_is_set_later_counts_the_receives_before() {
    let endpoint = Endpoint::start().await;
    let (queue, dead_letters) = (endpoint.queue("later").await, endpoint.queue("later-dlq").await);
    queue.send("poison").await;
    use_up(&queue, 3).await;
    queue.set("RedrivePolicy", &redrive_policy(&dead_letters.arn, 3)).await.unwrap();
    assert!(queue.receive().await.is_none());
    assert_eq!(dead_letters.receive().await.unwrap().body(), Some("poison"));
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html>
#[tokio::test]
async fn a_dead_letter_does_not_wait_for_the_delay_of_its_new_queue() {
    let endpoint = Endpoint::start().await;
    let (queue, dead_letters) = endpoint.with_dead_letters("delay", 1).await;
    dead_letters.set("DelaySeconds", "900").await.unwrap();
    queue.send("poison").await;
    use_up(&queue, 1).await;
    assert!(queue.receive().await.is_none());
    if endpoint.localstack_differs("it treats a dead letter as newly sent") {
        return;
    }
    assert_eq!(dead_letters.counters().await, [1, 0, 0]);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html>
#[tokio::test]
async fn dead_letters_of_several_queues_come_together_each_with_its_source() {
    let endpoint = Endpoint::start().await;
    let (first, dead_letters) = endpoint.with_dead_letters("first", 1).await;
    let second = endpoint.queue_with("second", &[("RedrivePolicy", &redrive_policy(&dead_letters.arn, 1))]).await;
    for queue in [&first, &second] {
        queue.send(&queue.arn).await;
        use_up(queue, 1).await;
        assert!(queue.receive().await.is_none());
    }
    let letters = dead_letters.receive_all().await;
    assert_eq!(letters.len(), 2);
    for letter in &letters {
        assert_eq!(letter.body(), Some(system(letter, "DeadLetterQueueSourceArn")));
    }
}
