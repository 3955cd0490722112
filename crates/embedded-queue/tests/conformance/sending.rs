//! Sending one message: what may be in it, how large it may be, and when it appears.

use aws_sdk_sqs::operation::send_message::builders::SendMessageFluentBuilder;
use aws_sdk_sqs::types::{MessageAttributeValue, MessageSystemAttributeNameForSends, MessageSystemAttributeValue};

use crate::endpoint::{Endpoint, NO_SUCH_QUEUE, Queue, code, invalid_parameter, refusal, system};

const MIB: usize = 1 << 20;

fn sending(queue: &Queue, body: impl Into<String>) -> SendMessageFluentBuilder {
    queue.sqs.send_message().queue_url(&queue.url).message_body(body)
}

fn text(value: impl Into<String>) -> MessageAttributeValue {
    MessageAttributeValue::builder().data_type("String").string_value(value).build().unwrap()
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
#[tokio::test]
async fn a_message_comes_back_as_it_was_sent() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("sent").await;
    let sent = sending(&queue, "hello").send().await.unwrap();
    assert_eq!(sent.md5_of_message_body(), Some("5d41402abc4b2a76b9719d911017c592"));
    assert_eq!((sent.md5_of_message_attributes(), sent.sequence_number()), (None, None));
    let received = queue.receive().await.unwrap();
    assert_eq!(received.body(), Some("hello"));
    assert_eq!(received.message_id(), sent.message_id());
    assert_eq!(received.md5_of_body(), sent.md5_of_message_body());
    assert_eq!((received.md5_of_message_attributes(), received.message_attributes()), (None, None));
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
#[tokio::test]
async fn a_message_of_exactly_1_mib_is_taken_and_one_byte_more_is_refused() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("large").await;
    sending(&queue, "x".repeat(MIB)).send().await.unwrap();
    assert_eq!(queue.receive().await.unwrap().body().unwrap().len(), MIB);
    let message = invalid_parameter(sending(&queue, "x".repeat(MIB + 1)).send().await);
    assert_eq!(message, "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.");
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>
#[tokio::test]
async fn a_messages_size_is_in_bytes_of_utf8_and_has_its_attributes_names_types_and_values_in_it() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue_with("small", &[("MaximumMessageSize", "1024")]).await;
    sending(&queue, "ä".repeat(512)).send().await.unwrap();
    invalid_parameter(sending(&queue, format!("{}x", "ä".repeat(512))).send().await);

    // "name" + "String" + "value" = 15 bytes.
    sending(&queue, "x".repeat(1009)).message_attributes("name", text("value")).send().await.unwrap();
    invalid_parameter(sending(&queue, "x".repeat(1010)).message_attributes("name", text("value")).send().await);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
#[tokio::test]
async fn a_message_is_at_most_as_large_as_the_queue_says() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue_with("small", &[("MaximumMessageSize", "1024")]).await;
    sending(&queue, "x".repeat(1024)).send().await.unwrap();
    let message = invalid_parameter(sending(&queue, "x".repeat(1025)).send().await);
    assert_eq!(message, "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes.");
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
#[tokio::test]
async fn a_message_without_a_body_is_refused() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("empty").await;
    let refusal = refusal(sending(&queue, "").send().await.unwrap_err());
    assert_eq!(refusal.code, "MissingParameter");
    assert_eq!(refusal.message, "The request must contain the parameter MessageBody.");
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
#[tokio::test]
async fn every_character_at_the_edge_of_what_xml_allows_comes_back_unchanged() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("characters").await;
    let body = "\t\n\r \u{7f}\u{85}\u{d7ff}\u{e000}\u{fffd}\u{10000}\u{1f600}\u{10ffff}\"\\&<>'";
    sending(&queue, body).send().await.unwrap();
    assert_eq!(queue.receive().await.unwrap().body(), Some(body));
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
#[tokio::test]
async fn a_character_that_xml_does_not_allow_is_refused_wherever_it_stands() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("characters").await;
    for character in ['\u{0}', '\u{8}', '\u{b}', '\u{c}', '\u{e}', '\u{1f}', '\u{fffe}', '\u{ffff}'] {
        for body in [format!("{character}abc"), format!("a{character}bc"), format!("abc{character}")] {
            assert_eq!(code(sending(&queue, &body).send().await), "InvalidMessageContents", "{body:?}");
        }
    }
    assert_eq!(queue.counters().await, [0, 0, 0]);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-timers.html>
#[tokio::test]
async fn a_delayed_message_appears_when_its_delay_is_over() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("delayed").await;
    sending(&queue, "later").delay_seconds(1).send().await.unwrap();
    assert_eq!(queue.counters().await, [0, 0, 1]);
    assert!(queue.receive().await.is_none());
    assert_eq!(queue.await_one().await.body(), Some("later"));
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-timers.html>
#[tokio::test]
async fn a_messages_delay_overrides_the_queues_also_one_of_0() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue_with("delayed", &[("DelaySeconds", "900")]).await;
    sending(&queue, "the queue's").send().await.unwrap();
    assert_eq!(queue.counters().await, [0, 0, 1]);
    sending(&queue, "its own").delay_seconds(0).send().await.unwrap();
    assert_eq!(queue.counters().await, [1, 0, 1]);
    assert_eq!(queue.receive().await.unwrap().body(), Some("its own"));
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
#[tokio::test]
async fn a_delay_is_0_to_900_seconds() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("delayed").await;
    sending(&queue, "longest").delay_seconds(900).send().await.unwrap();
    if endpoint.localstack_differs("it takes any delay") {
        return;
    }
    for seconds in [-1, 901] {
        let message = invalid_parameter(sending(&queue, "refused").delay_seconds(seconds).send().await);
        assert!(message.starts_with(&format!("Value {seconds} for parameter DelaySeconds is invalid.")), "{message}");
    }
    assert_eq!(queue.counters().await, [0, 0, 1]);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>
#[tokio::test]
async fn a_message_says_when_it_was_sent_and_by_whom() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("sent").await;
    queue.send("first").await;
    let first = queue.receive().await.unwrap();
    queue.send("second").await;
    let second = queue.receive().await.unwrap();
    let times = [&first, &second].map(|message| system(message, "SentTimestamp").parse::<u64>().unwrap());
    assert!(times[0] <= times[1] && times[0] > 1_700_000_000_000, "milliseconds since 1970: {times:?}");
    assert!(!system(&first, "SenderId").is_empty());
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
#[tokio::test]
async fn a_trace_header_travels_as_a_system_attribute_and_does_not_count_as_size() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue_with("traced", &[("MaximumMessageSize", "1024")]).await;
    let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    let value = MessageSystemAttributeValue::builder().data_type("String").string_value(header).build().unwrap();
    let sent = sending(&queue, "x".repeat(1024))
        .message_system_attributes(MessageSystemAttributeNameForSends::AwsTraceHeader, value);
    let sent = sent.send().await.unwrap();
    assert_eq!(sent.md5_of_message_system_attributes(), Some("5ae4d5d7636402d80f4eb6d213245a88"));
    assert_eq!(sent.md5_of_message_attributes(), None);
    let received = queue.receive().await.unwrap();
    assert_eq!(system(&received, "AWSTraceHeader"), header);
    assert_eq!(received.message_attributes(), None);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
#[tokio::test]
async fn the_trace_header_is_the_only_system_attribute_that_can_be_sent() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("traced").await;
    if endpoint.localstack_differs("it takes any system attribute") {
        return;
    }
    let value = MessageSystemAttributeValue::builder().data_type("String").string_value("1").build().unwrap();
    let answer = sending(&queue, "refused").message_system_attributes("SentTimestamp".into(), value).send().await;
    invalid_parameter(answer);
    let number = MessageSystemAttributeValue::builder().data_type("Number").string_value("1").build().unwrap();
    let answer = sending(&queue, "refused")
        .message_system_attributes(MessageSystemAttributeNameForSends::AwsTraceHeader, number);
    invalid_parameter(answer.send().await);
    assert_eq!(queue.counters().await, [0, 0, 0]);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html>
#[tokio::test]
async fn a_message_on_a_standard_queue_can_have_a_group() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("grouped").await;
    sending(&queue, "grouped").message_group_id("tenant-1!~").send().await.unwrap();
    assert_eq!(system(&queue.receive().await.unwrap(), "MessageGroupId"), "tenant-1!~");
    for id in [String::new(), "a b".to_owned(), "a".repeat(129), "ä".to_owned()] {
        let message = invalid_parameter(sending(&queue, "refused").message_group_id(&id).send().await);
        assert_eq!(
            message,
            format!(
                "Value {id} for parameter MessageGroupId is invalid. Reason: MessageGroupId can only include \
                 alphanumeric and punctuation characters. 1 to 128 in length."
            )
        );
    }
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
#[tokio::test]
async fn a_message_to_a_queue_that_is_not_there_is_refused() {
    let endpoint = Endpoint::start().await;
    let mut queue = endpoint.queue("there").await;
    queue.url.push_str("-not");
    assert_eq!(code(sending(&queue, "lost").send().await), NO_SUCH_QUEUE);
}
