//! Receipt handles: each belongs to one receive.

use aws_sdk_sqs::types::{ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry};

use crate::endpoint::{Endpoint, Queue, code, invalid_parameter, receive_count, refusal};

async fn delete(queue: &Queue, handle: &str) -> Result<(), String> {
    let answer = queue.sqs.delete_message().queue_url(&queue.url).receipt_handle(handle).send().await;
    answer.map(drop).map_err(|error| refusal(error).code)
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-message-identifiers.html>
#[tokio::test]
async fn each_receive_of_a_message_has_its_own_handle() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("handles").await;
    queue.send("message").await;
    let first = queue.receive_for(0).await.unwrap();
    let second = queue.receive_for(0).await.unwrap();
    assert_eq!(first.message_id(), second.message_id());
    assert_ne!(first.receipt_handle(), second.receipt_handle());
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html>
#[tokio::test]
async fn a_superseded_handle_deletes_nothing_although_the_call_succeeds() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("superseded").await;
    queue.send("message").await;
    let first = queue.receive_for(0).await.unwrap();
    let second = queue.receive().await.unwrap();
    if endpoint.localstack_differs("every handle of a message deletes it") {
        return;
    }
    queue.delete(&first).await;
    assert_eq!(queue.counters().await, [0, 1, 0]);
    queue.delete(&second).await;
    assert_eq!(queue.counters().await, [0, 0, 0]);
}

/// AWS answered so; its documentation wants the latest handle for a delete only.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-message-identifiers.html>
#[tokio::test]
async fn a_superseded_handle_still_changes_the_visibility() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("superseded").await;
    queue.send("message").await;
    let first = queue.receive_for(0).await.unwrap();
    queue.receive().await.unwrap();
    queue.hide(&first, 0).await;
    assert_eq!(queue.counters().await, [1, 0, 0]);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html>
#[tokio::test]
async fn a_message_can_be_deleted_again_and_again() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("deleted").await;
    queue.send("message").await;
    let message = queue.receive().await.unwrap();
    for _ in 0..3 {
        queue.delete(&message).await;
    }
    assert_eq!(queue.counters().await, [0, 0, 0]);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html>
#[tokio::test]
async fn a_message_whose_time_is_over_but_that_nobody_else_has_can_still_be_deleted() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("late").await;
    queue.send("message").await;
    let message = queue.receive_for(1).await.unwrap();
    queue.await_counters([1, 0, 0]).await;
    queue.delete(&message).await;
    assert_eq!(queue.counters().await, [0, 0, 0]);
}

/// AWS answered so: the handle of the last receive hides the message again.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>
#[tokio::test]
async fn a_message_whose_time_is_over_can_be_hidden_again_by_the_one_who_had_it() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("late").await;
    queue.send("message").await;
    let message = queue.receive_for(1).await.unwrap();
    queue.await_counters([1, 0, 0]).await;
    queue.hide(&message, 900).await;
    if endpoint.localstack_differs("the call succeeds without effect") {
        return;
    }
    assert_eq!(queue.counters().await, [0, 1, 0]);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>
#[tokio::test]
async fn a_visibility_can_be_extended_and_ended() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("changed").await;
    queue.send("message").await;
    let message = queue.receive_for(1).await.unwrap();
    queue.hide(&message, 2).await;
    let extended = queue.await_one().await;
    assert_eq!(receive_count(&extended), 2);
    queue.hide(&extended, 0).await;
    assert_eq!(receive_count(&queue.receive().await.unwrap()), 3);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>
#[tokio::test]
async fn a_visibility_is_0_to_43200_seconds() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("changed").await;
    queue.send("message").await;
    let message = queue.receive().await.unwrap();
    let handle = message.receipt_handle().unwrap();
    if endpoint.localstack_differs("it takes any time") {
        return;
    }
    for seconds in [-1, 43_201] {
        invalid_parameter(queue.hiding(handle, seconds).send().await);
    }
    assert_eq!(queue.counters().await, [0, 1, 0]);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html>
#[tokio::test]
async fn a_message_is_hidden_for_12_hours_in_all_from_its_receive() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("long").await;
    queue.send("other").await;
    queue.send("message").await;
    queue.receive_for(2).await.unwrap();
    let message = queue.receive().await.unwrap();
    // More than a second has passed once the other is visible again.
    queue.await_counters([1, 1, 0]).await;
    let handle = message.receipt_handle().unwrap();
    if endpoint.localstack_differs("it knows no limit in all") {
        return;
    }
    let words = invalid_parameter(queue.hiding(handle, 43_200).send().await);
    assert!(words.contains("Total VisibilityTimeout for the message is beyond the limit"), "{words}");
    queue.hiding(handle, 43_000).send().await.unwrap();
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>
#[tokio::test]
async fn the_visibility_of_a_deleted_message_cannot_be_changed() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("deleted").await;
    queue.send("message").await;
    let message = queue.receive().await.unwrap();
    queue.delete(&message).await;
    let handle = message.receipt_handle().unwrap();
    let words = invalid_parameter(queue.hiding(handle, 42).send().await);
    assert_eq!(
        words,
        format!(
            "Value {handle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not \
             available for visibility timeout change."
        )
    );
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html>
#[tokio::test]
async fn what_is_no_handle_of_this_queue_is_refused() {
    let endpoint = Endpoint::start().await;
    let (queue, other) = (endpoint.queue("here").await, endpoint.queue("there").await);
    other.send("message").await;
    let elsewhere = other.receive().await.unwrap();
    for handle in ["garbage", "", "AAAA", elsewhere.receipt_handle().unwrap()] {
        let refused = delete(&queue, handle).await.unwrap_err();
        assert!(["ReceiptHandleIsInvalid", "MissingParameter"].contains(&refused.as_str()), "{handle:?}: {refused}");
        let change = code(queue.hiding(handle, 0).send().await);
        assert!(["ReceiptHandleIsInvalid", "MissingParameter"].contains(&change.as_str()), "{handle:?}: {change}");
    }
    let answer = queue.sqs.delete_message().queue_url(&queue.url).receipt_handle("garbage").send().await;
    let words = refusal(answer.unwrap_err()).message;
    assert_eq!(words, r#"The input receipt handle "garbage" is not a valid receipt handle."#);
    assert_eq!(other.counters().await, [0, 1, 0]);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessageBatch.html>
#[tokio::test]
async fn a_batch_of_deletes_has_a_result_per_entry() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("batch").await;
    queue.send("1").await;
    queue.send("2").await;
    let messages = queue.receive_all().await;
    assert_eq!(messages.len(), 2);
    let mut call = queue.sqs.delete_message_batch().queue_url(&queue.url);
    let handles = [messages[0].receipt_handle().unwrap(), "garbage", messages[1].receipt_handle().unwrap()];
    for (number, handle) in handles.into_iter().enumerate() {
        let entry = DeleteMessageBatchRequestEntry::builder().id(number.to_string()).receipt_handle(handle);
        call = call.entries(entry.build().unwrap());
    }
    let answer = call.send().await.unwrap();
    let successful: Vec<_> = answer.successful().iter().map(|entry| entry.id()).collect();
    assert_eq!(successful, ["0", "2"]);
    let failed = &answer.failed()[0];
    assert_eq!((answer.failed().len(), failed.id(), failed.code()), (1, "1", "ReceiptHandleIsInvalid"));
    assert!(endpoint.localstack_differs("it takes the blame itself") || failed.sender_fault());
    assert_eq!(queue.counters().await, [0, 0, 0]);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibilityBatch.html>
#[tokio::test]
async fn a_batch_of_changes_has_a_result_per_entry() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("batch").await;
    queue.send("1").await;
    queue.send("2").await;
    let messages = queue.receive_all().await;
    let handles = [messages[0].receipt_handle().unwrap(), "garbage", messages[1].receipt_handle().unwrap()];
    let mut call = queue.sqs.change_message_visibility_batch().queue_url(&queue.url);
    for ((number, handle), seconds) in handles.into_iter().enumerate().zip([0, 0, 43_201]) {
        let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(number.to_string()).receipt_handle(handle);
        call = call.entries(entry.visibility_timeout(seconds).build().unwrap());
    }
    let answer = call.send().await.unwrap();
    if endpoint.localstack_differs("it takes any time, and names its own exceptions instead of SQS's codes") {
        assert_eq!((answer.successful().len(), answer.failed()[0].id()), (2, "1"));
        return;
    }
    let successful: Vec<_> = answer.successful().iter().map(|entry| entry.id()).collect();
    assert_eq!(successful, ["0"]);
    let mut failed: Vec<_> = answer.failed().iter().map(|entry| (entry.id(), entry.code())).collect();
    failed.sort_unstable();
    assert_eq!(queue.counters().await, [1, 1, 0]);
    assert_eq!(failed, [("1", "ReceiptHandleIsInvalid"), ("2", "InvalidParameterValue")]);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessageBatch.html>
#[tokio::test]
async fn batches_of_handles_have_1_to_10_entries_with_distinct_ids_of_the_right_form() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("batch").await;
    let long = "x".repeat(81);
    let cases: [(Vec<String>, &str); 5] = [
        (Vec::new(), "AWS.SimpleQueueService.EmptyBatchRequest"),
        ((0..11).map(|id| id.to_string()).collect(), "AWS.SimpleQueueService.TooManyEntriesInBatchRequest"),
        (vec!["same".into(), "same".into()], "AWS.SimpleQueueService.BatchEntryIdsNotDistinct"),
        (vec!["a b".into()], "AWS.SimpleQueueService.InvalidBatchEntryId"),
        (vec![long], "AWS.SimpleQueueService.InvalidBatchEntryId"),
    ];
    for (ids, expected) in cases {
        let delete = |id| DeleteMessageBatchRequestEntry::builder().id(id).receipt_handle("x").build().unwrap();
        let deletes = ids.clone().into_iter().map(delete).collect();
        let call = queue.sqs.delete_message_batch().queue_url(&queue.url).set_entries(Some(deletes));
        assert_eq!(code(call.send().await), expected);
        let change = |id| {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(id).receipt_handle("x");
            entry.visibility_timeout(0).build().unwrap()
        };
        let changes = ids.into_iter().map(change).collect();
        let call = queue.sqs.change_message_visibility_batch().queue_url(&queue.url).set_entries(Some(changes));
        assert_eq!(code(call.send().await), expected);
    }
}
