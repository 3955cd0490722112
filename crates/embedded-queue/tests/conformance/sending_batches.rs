//! Sending up to ten messages at once: each entry has its own result.

use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchOutput;
use aws_sdk_sqs::operation::send_message_batch::builders::SendMessageBatchFluentBuilder;
use aws_sdk_sqs::types::builders::SendMessageBatchRequestEntryBuilder;
use aws_sdk_sqs::types::{BatchResultErrorEntry, MessageAttributeValue, SendMessageBatchRequestEntry};

use crate::endpoint::{Endpoint, NO_SUCH_QUEUE, Queue, bodies, code, refusal};

fn entry(id: impl Into<String>, body: impl Into<String>) -> SendMessageBatchRequestEntryBuilder {
    SendMessageBatchRequestEntry::builder().id(id).message_body(body)
}

fn batch(
    queue: &Queue,
    entries: impl IntoIterator<Item = SendMessageBatchRequestEntryBuilder>,
) -> SendMessageBatchFluentBuilder {
    let entries = entries.into_iter().map(|entry| entry.build().unwrap()).collect();
    queue.sqs.send_message_batch().queue_url(&queue.url).set_entries(Some(entries))
}

/// The ids that got through, and what went wrong with the others.
fn results(answer: &SendMessageBatchOutput) -> (Vec<&str>, Vec<&BatchResultErrorEntry>) {
    (answer.successful().iter().map(|entry| entry.id()).collect(), answer.failed().iter().collect())
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>
#[tokio::test]
async fn ten_messages_go_out_in_one_batch_each_with_its_own_id_and_digest() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("batch").await;
    let entries = (0..10).map(|number| entry(format!("id-{number}"), "hello"));
    let answer = batch(&queue, entries).send().await.unwrap();
    assert!(answer.failed().is_empty());
    let mut sent: Vec<_> = answer.successful().iter().map(|entry| entry.message_id()).collect();
    assert!(answer.successful().iter().all(|e| e.md5_of_message_body() == "5d41402abc4b2a76b9719d911017c592"));
    let received = queue.receive_all().await;
    let mut received: Vec<_> = received.iter().map(|message| message.message_id().unwrap()).collect();
    sent.sort_unstable();
    sent.dedup();
    received.sort_unstable();
    assert_eq!((sent.len(), &sent), (10, &received));
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>
#[tokio::test]
async fn a_batch_has_1_to_10_entries() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("batch").await;
    let empty = batch(&queue, []).send().await;
    assert_eq!(code(empty), "AWS.SimpleQueueService.EmptyBatchRequest");
    let eleven = batch(&queue, (0..11).map(|number| entry(number.to_string(), "x"))).send().await;
    let refusal = refusal(eleven.unwrap_err());
    assert_eq!(refusal.code, "AWS.SimpleQueueService.TooManyEntriesInBatchRequest");
    assert_eq!(refusal.message, "Maximum number of entries per request are 10. You have sent 11.");
    assert_eq!(queue.counters().await, [0, 0, 0]);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatchRequestEntry.html>
#[tokio::test]
async fn an_entrys_id_has_1_to_80_letters_digits_hyphens_and_underscores() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("batch").await;
    let longest = "x".repeat(80);
    batch(&queue, [entry("A-z_0", "x"), entry(&longest, "x")]).send().await.unwrap();
    for id in ["", "a b", "a.b", "ä", &format!("{longest}x")] {
        if id == "ä" && endpoint.localstack_differs("it takes letters of any alphabet in an entry's id") {
            continue;
        }
        let refusal = refusal(batch(&queue, [entry("good", "x"), entry(id, "x")]).send().await.unwrap_err());
        assert_eq!(refusal.code, "AWS.SimpleQueueService.InvalidBatchEntryId", "{id:?}");
        let words = "A batch entry id can only contain alphanumeric characters, hyphens and underscores. \
                     It can be at most 80 letters long.";
        assert_eq!(refusal.message, words);
    }
    assert_eq!(queue.counters().await, [2, 0, 0], "of a refused batch nothing is sent");
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>
#[tokio::test]
async fn the_ids_of_a_batchs_entries_are_distinct() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("batch").await;
    let twice = batch(&queue, [entry("same", "x"), entry("other", "x"), entry("same", "y")]).send().await;
    assert_eq!(code(twice), "AWS.SimpleQueueService.BatchEntryIdsNotDistinct");
    assert_eq!(queue.counters().await, [0, 0, 0]);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>
#[tokio::test]
async fn a_batch_of_exactly_1_mib_in_all_is_taken_and_one_byte_more_is_refused_as_a_whole() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("large").await;
    let half = "x".repeat(1 << 19);
    batch(&queue, [entry("1", &half), entry("2", &half)]).send().await.unwrap();
    let over = batch(&queue, [entry("1", &half), entry("2", &half), entry("3", "x")]).send().await;
    let refusal = refusal(over.unwrap_err());
    assert_eq!(refusal.code, "AWS.SimpleQueueService.BatchRequestTooLong");
    assert_eq!(refusal.message, "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.");
    assert_eq!(queue.counters().await, [2, 0, 0]);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>
#[tokio::test]
async fn a_batchs_size_has_the_messages_attributes_in_it() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("large").await;
    let value = MessageAttributeValue::builder().data_type("String").string_value("value").build().unwrap();
    let entries = |rest: usize| {
        let with = entry("1", "x".repeat(1 << 19)).message_attributes("name", value.clone());
        [with, entry("2", "x".repeat(rest))]
    };
    // "name" + "String" + "value" = 15 bytes.
    batch(&queue, entries((1 << 19) - 15)).send().await.unwrap();
    let over = batch(&queue, entries((1 << 19) - 14)).send().await;
    assert_eq!(code(over), "AWS.SimpleQueueService.BatchRequestTooLong");
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>
#[tokio::test]
async fn an_entry_that_is_refused_takes_no_other_with_it() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue_with("mixed", &[("MaximumMessageSize", "1024")]).await;
    let number = MessageAttributeValue::builder().data_type("Text").string_value("value").build().unwrap();
    let answer = batch(
        &queue,
        [
            entry("good", "good"),
            entry("characters", "not\u{b}allowed"),
            entry("large", "x".repeat(1025)),
            entry("type", "x").message_attributes("name", number),
            entry("group", "x").message_group_id("not allowed"),
            entry("good-too", "good too"),
        ],
    );
    let answer = answer.send().await.unwrap();
    let (successful, failed) = results(&answer);
    assert_eq!(successful, ["good", "good-too"]);
    if endpoint.localstack_differs("it has names of its own for the codes of entries") {
        assert_eq!(failed.len(), 4);
        return;
    }
    let mut failed: Vec<_> = failed.iter().map(|entry| (entry.id(), entry.code(), entry.sender_fault())).collect();
    failed.sort_unstable();
    assert_eq!(
        failed,
        [
            ("characters", "InvalidMessageContents", true),
            ("group", "InvalidParameterValue", true),
            ("large", "InvalidParameterValue", true),
            ("type", "InvalidParameterValue", true),
        ]
    );
    assert_eq!(bodies(&queue.receive_all().await), ["good", "good too"]);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatchRequestEntry.html>
#[tokio::test]
async fn each_entry_has_its_own_delay() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue_with("delayed", &[("DelaySeconds", "900")]).await;
    let entries = [entry("queue", "x"), entry("none", "now").delay_seconds(0), entry("own", "x").delay_seconds(900)];
    batch(&queue, entries).send().await.unwrap();
    assert_eq!(queue.counters().await, [1, 0, 2]);
    assert_eq!(queue.receive().await.unwrap().body(), Some("now"));
    if endpoint.localstack_differs("it takes any delay") {
        return;
    }
    let answer = batch(&queue, [entry("bad", "x").delay_seconds(901), entry("good", "x")]).send().await.unwrap();
    let (successful, failed) = results(&answer);
    assert_eq!((successful, failed[0].id(), failed[0].code()), (vec!["good"], "bad", "InvalidParameterValue"));
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>
#[tokio::test]
async fn a_batch_to_a_queue_that_is_not_there_is_refused() {
    let endpoint = Endpoint::start().await;
    let mut queue = endpoint.queue("there").await;
    queue.url.push_str("-not");
    assert_eq!(code(batch(&queue, [entry("1", "lost")]).send().await), NO_SUCH_QUEUE);
}
