//! A queue's attributes: names, ranges, defaults, and what `GetQueueAttributes` shows of them.

use crate::endpoint::{Endpoint, code};

const RANGES: [(&str, i64, i64); 6] = [
    ("DelaySeconds", 0, 900),
    ("MaximumMessageSize", 1024, 1_048_576),
    ("MessageRetentionPeriod", 60, 1_209_600),
    ("ReceiveMessageWaitTimeSeconds", 0, 20),
    ("VisibilityTimeout", 0, 43_200),
    ("KmsDataKeyReusePeriodSeconds", 60, 86_400),
];

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>
#[tokio::test]
async fn a_new_queue_has_the_documented_defaults_and_nothing_else() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("defaults").await;
    let call = endpoint.sqs.get_queue_attributes().queue_url(&queue.url).attribute_names("All".into());
    let mut attributes = call.send().await.unwrap().attributes.unwrap();
    for time in ["CreatedTimestamp", "LastModifiedTimestamp"] {
        let seconds: i64 = attributes.remove(&time.into()).unwrap().parse().unwrap();
        assert!(seconds > 1_700_000_000 && seconds < 100_000_000_000, "seconds since 1970, not milliseconds");
    }
    let mut attributes: Vec<_> = attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    attributes.sort_unstable();
    let expected = [
        ("ApproximateNumberOfMessages", "0"),
        ("ApproximateNumberOfMessagesDelayed", "0"),
        ("ApproximateNumberOfMessagesNotVisible", "0"),
        ("DelaySeconds", "0"),
        ("MaximumMessageSize", "1048576"),
        ("MessageRetentionPeriod", "345600"),
        ("QueueArn", queue.arn.as_str()),
        ("ReceiveMessageWaitTimeSeconds", "0"),
        ("SqsManagedSseEnabled", "true"),
        ("VisibilityTimeout", "30"),
    ];
    assert_eq!(attributes, expected);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html>
#[tokio::test]
async fn only_the_attributes_that_are_asked_for_are_answered() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("asked").await;
    let asking = || endpoint.sqs.get_queue_attributes().queue_url(&queue.url);
    let none = asking().send().await.unwrap();
    assert!(none.attributes.unwrap_or_default().is_empty(), "nothing asked, nothing answered");
    let one = asking().attribute_names("DelaySeconds".into()).send().await.unwrap().attributes.unwrap();
    assert_eq!(one.into_iter().collect::<Vec<_>>(), [("DelaySeconds".into(), "0".to_owned())]);
    let unset = asking().attribute_names("RedrivePolicy".into()).send().await.unwrap();
    assert!(unset.attributes.unwrap_or_default().is_empty(), "an attribute that is not set is left out");
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html>
#[tokio::test]
async fn asking_for_an_unknown_attribute_is_refused() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("asked").await;
    let asking = endpoint.sqs.get_queue_attributes().queue_url(&queue.url);
    let answer = asking.attribute_names("DelaySeconds".into()).attribute_names("Nonsense".into()).send().await;
    assert_eq!(code(answer), "InvalidAttributeName");
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
#[tokio::test]
async fn both_ends_of_a_range_are_taken() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue_with("ranges", &[("KmsMasterKeyId", "key")]).await;
    for (attribute, least, most) in RANGES {
        for value in [least, most] {
            queue.set(attribute, &value.to_string()).await.unwrap();
            assert_eq!(queue.attribute(attribute).await, Some(value.to_string()), "{attribute}");
        }
    }
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
#[tokio::test]
async fn a_value_outside_its_range_or_that_is_no_number_is_refused() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("ranges").await;
    if endpoint.localstack_differs("it takes nearly any value of an attribute") {
        return;
    }
    for (attribute, least, most) in RANGES {
        for value in [(least - 1).to_string(), (most + 1).to_string(), "1.5".to_owned(), "many".to_owned()] {
            let refusal = queue.set(attribute, &value).await.unwrap_err();
            assert_eq!(refusal.code, "InvalidAttributeValue", "{attribute} {value:?}");
            assert!(refusal.message.contains(attribute), "{}", refusal.message);
            let refusal = endpoint.creation_with("never-created", attribute, &value).await.unwrap_err();
            assert_eq!(refusal.code, "InvalidAttributeValue", "{attribute} {value:?}");
        }
    }
    let never = endpoint.sqs.get_queue_url().queue_name(endpoint.name("never-created")).send().await;
    assert_eq!(code(never), crate::endpoint::NO_SUCH_QUEUE);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
#[tokio::test]
async fn unknown_attributes_and_those_of_fifo_queues_are_refused() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("standard").await;
    for (name, value) in [("FifoQueue", "false"), ("FifoQueue", "true"), ("ContentBasedDeduplication", "true")] {
        let refusal = queue.set(name, value).await.unwrap_err();
        let expected = ("InvalidAttributeName", format!("Unknown Attribute {name}."));
        assert_eq!((refusal.code.as_str(), refusal.message), expected);
    }
    for (name, value) in [("DeduplicationScope", "queue"), ("FifoThroughputLimit", "perQueue"), ("Nonsense", "1")] {
        assert_eq!(queue.set(name, value).await.unwrap_err().code, "InvalidAttributeName", "{name}");
    }
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>
#[tokio::test]
async fn a_standard_queue_is_not_created_with_unknown_attributes_nor_those_of_fifo_queues() {
    let endpoint = Endpoint::start().await;
    for (name, value) in [("FifoQueue", "false"), ("ContentBasedDeduplication", "true"), ("Nonsense", "1")] {
        let refusal = endpoint.creation_with("never", name, value).await.unwrap_err();
        assert_eq!(refusal.code, "InvalidAttributeName", "{name}");
    }
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
#[tokio::test]
async fn what_sqs_itself_says_of_a_queue_cannot_be_set() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("read-only").await;
    for name in [
        "QueueArn",
        "CreatedTimestamp",
        "LastModifiedTimestamp",
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesDelayed",
        "ApproximateNumberOfMessagesNotVisible",
    ] {
        assert_eq!(queue.set(name, "1").await.unwrap_err().code, "InvalidAttributeName", "{name}");
    }
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
#[tokio::test]
async fn of_several_attributes_with_one_that_is_refused_none_is_set() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("whole").await;
    if endpoint.localstack_differs("it takes nearly any value of an attribute") {
        return;
    }
    let setting = endpoint.sqs.set_queue_attributes().queue_url(&queue.url);
    let setting = setting.attributes("DelaySeconds".into(), "5").attributes("VisibilityTimeout".into(), "43201");
    assert_eq!(code(setting.send().await), "InvalidAttributeValue");
    assert_eq!(queue.attribute("DelaySeconds").await.as_deref(), Some("0"));
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
#[tokio::test]
async fn a_policy_is_a_json_document_kept_as_it_is_and_removed_by_an_empty_one() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("policy").await;
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":"*","Action":"sqs:SendMessage","Resource":"{}"}}]}}"#,
        queue.arn
    );
    queue.set("Policy", &policy).await.unwrap();
    assert_eq!(queue.attribute("Policy").await.as_ref(), Some(&policy));
    queue.set("Policy", "").await.unwrap();
    assert_eq!(queue.attribute("Policy").await, None);
    if endpoint.localstack_differs("it takes a policy that is no JSON") {
        return;
    }
    for nonsense in ["no JSON", "[]", "{"] {
        assert_eq!(queue.set("Policy", nonsense).await.unwrap_err().code, "InvalidAttributeValue", "{nonsense}");
    }
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/confirm-queue-is-empty.html>
#[tokio::test]
async fn the_counters_are_exact_at_every_moment() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("counted").await;
    for body in ["a", "b", "c"] {
        queue.send(body).await;
    }
    let delayed = endpoint.sqs.send_message().queue_url(&queue.url).message_body("d").delay_seconds(1);
    delayed.send().await.unwrap();
    assert_eq!(queue.counters().await, [3, 0, 1]);

    let first = queue.receive().await.unwrap();
    let second = queue.receive_for(1).await.unwrap();
    queue.await_counters([3, 1, 0]).await; // The second is visible again, and the delay is over.
    queue.hide(&first, 0).await;
    assert_eq!(queue.counters().await, [4, 0, 0], "visible again by a change of its visibility");

    let all = queue.receive_all().await;
    assert_eq!((all.len(), queue.counters().await), (4, [0, 4, 0]));
    for (left, message) in (0..4).rev().zip(&all) {
        queue.delete(message).await;
        assert_eq!(queue.counters().await, [0, left, 0]);
    }
    queue.delete(&second).await;
    assert_eq!(queue.counters().await, [0, 0, 0]);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-delay-queues.html>
#[tokio::test]
async fn a_new_delay_of_the_queue_does_not_touch_the_messages_that_are_there() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue_with("delay", &[("DelaySeconds", "900")]).await;
    queue.send("before").await;
    queue.set("DelaySeconds", "0").await.unwrap();
    queue.send("after").await;
    assert_eq!(queue.counters().await, [1, 0, 1]);
    assert_eq!(queue.receive().await.unwrap().body(), Some("after"));
}
