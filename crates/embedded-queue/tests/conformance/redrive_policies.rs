//! Which queue a queue's dead letters go to, and which queues may send theirs.

use crate::endpoint::{Endpoint, redrive_policy};

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
#[tokio::test]
async fn a_redrive_policy_is_taken_with_its_count_as_a_number_or_as_text_and_removed_by_an_empty_one() {
    let endpoint = Endpoint::start().await;
    let (queue, dead_letters) = endpoint.with_dead_letters("policy", 3).await;
    let text = format!(r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":"7"}}"#, dead_letters.arn);
    for policy in [redrive_policy(&dead_letters.arn, 1), redrive_policy(&dead_letters.arn, 1000), text] {
        queue.set("RedrivePolicy", &policy).await.unwrap();
        let kept: serde_json::Value = serde_json::from_str(&queue.attribute("RedrivePolicy").await.unwrap()).unwrap();
        assert_eq!(kept["deadLetterTargetArn"], dead_letters.arn);
    }
    queue.set("RedrivePolicy", "").await.unwrap();
    assert_eq!(queue.attribute("RedrivePolicy").await, None);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
#[tokio::test]
async fn a_redrive_policy_of_the_wrong_shape_is_refused() {
    let endpoint = Endpoint::start().await;
    let (queue, dead_letters) = endpoint.with_dead_letters("policy", 3).await;
    let target = &dead_letters.arn;
    let mut policies = vec![
        format!(r#"{{"deadLetterTargetArn":"{target}"}}"#),
        r#"{"maxReceiveCount":3}"#.to_owned(),
        redrive_policy(target, 0),
        redrive_policy(target, 1001),
    ];
    if !endpoint.localstack_differs("it breaks on a policy of another shape, and keeps it") {
        policies.extend([
            "no JSON".to_owned(),
            "[]".to_owned(),
            format!(r#"{{"deadLetterTargetArn":"{target}","maxReceiveCount":"many"}}"#),
            redrive_policy("no ARN", 3),
        ]);
    }
    for policy in policies {
        assert_eq!(queue.set("RedrivePolicy", &policy).await.unwrap_err().code, "InvalidParameterValue", "{policy}");
    }
    if endpoint.localstack_differs("it has kept a policy that it refused") {
        return;
    }
    let kept = queue.attribute("RedrivePolicy").await.unwrap();
    assert!(kept.ends_with(":3}"), "the policy that was there stays: {kept}");
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue.html>
#[tokio::test]
async fn a_redrive_policy_names_a_queue_that_is_there() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("policy").await;
    let policy = redrive_policy(&format!("{}-missing", queue.arn), 3);
    if endpoint.localstack_differs("it takes a target that is not there") {
        return;
    }
    let refusal = queue.set("RedrivePolicy", &policy).await.unwrap_err();
    assert_eq!(refusal.code, "InvalidParameterValue");
    assert!(refusal.message.contains("Dead letter target does not exist"), "{}", refusal.message);
    let refusal = endpoint.creation_with("never", "RedrivePolicy", &policy).await.unwrap_err();
    assert_eq!(refusal.code, "InvalidParameterValue");
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
#[tokio::test]
async fn a_queue_says_which_queues_may_send_it_their_dead_letters() {
    let endpoint = Endpoint::start().await;
    let dead_letters = endpoint.queue("dlq").await;
    let allowed = endpoint.queue("allowed").await;
    let other = endpoint.queue("other").await;
    let policy = redrive_policy(&dead_letters.arn, 3);
    let by_queue = format!(r#"{{"redrivePermission":"byQueue","sourceQueueArns":["{}"]}}"#, allowed.arn);
    dead_letters.set("RedriveAllowPolicy", &by_queue).await.unwrap();
    allowed.set("RedrivePolicy", &policy).await.unwrap();
    if endpoint.localstack_differs("it keeps a RedriveAllowPolicy, and enforces none") {
        return;
    }
    assert_eq!(other.set("RedrivePolicy", &policy).await.unwrap_err().code, "InvalidParameterValue");

    dead_letters.set("RedriveAllowPolicy", r#"{"redrivePermission":"denyAll"}"#).await.unwrap();
    assert_eq!(other.set("RedrivePolicy", &policy).await.unwrap_err().code, "InvalidParameterValue");
    dead_letters.set("RedriveAllowPolicy", r#"{"redrivePermission":"allowAll"}"#).await.unwrap();
    other.set("RedrivePolicy", &policy).await.unwrap();
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
#[tokio::test]
async fn a_redrive_allow_policy_of_the_wrong_shape_is_refused() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("dlq").await;
    if endpoint.localstack_differs("it takes any RedriveAllowPolicy") {
        return;
    }
    let arns = |count: usize| vec![format!("\"{}\"", queue.arn); count].join(",");
    let eleven = format!(r#"{{"redrivePermission":"byQueue","sourceQueueArns":[{}]}}"#, arns(11));
    let not_by_queue = format!(r#"{{"redrivePermission":"denyAll","sourceQueueArns":[{}]}}"#, arns(1));
    for policy in ["no JSON", "{}", r#"{"redrivePermission":"some"}"#, &eleven, &not_by_queue] {
        let refusal = queue.set("RedriveAllowPolicy", policy).await.unwrap_err();
        assert_eq!(refusal.code, "InvalidParameterValue", "{policy}");
    }
    let ten = format!(r#"{{"redrivePermission":"byQueue","sourceQueueArns":[{}]}}"#, arns(10));
    queue.set("RedriveAllowPolicy", &ten).await.unwrap();
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListDeadLetterSourceQueues.html>
#[tokio::test]
async fn the_queues_that_send_their_dead_letters_here_are_listed() {
    let endpoint = Endpoint::start().await;
    let (first, dead_letters) = endpoint.with_dead_letters("source", 3).await;
    let second = endpoint.queue_with("source-2", &[("RedrivePolicy", &redrive_policy(&dead_letters.arn, 3))]).await;
    let listing = |url: &str| endpoint.sqs.list_dead_letter_source_queues().queue_url(url);
    let mut sources = listing(&dead_letters.url).send().await.unwrap().queue_urls;
    sources.sort_unstable();
    assert_eq!(sources, [first.url.clone(), second.url.clone()]);
    assert!(listing(&first.url).send().await.unwrap().queue_urls.is_empty());
    let unknown = format!("{}-unknown", first.url);
    assert_eq!(crate::endpoint::code(listing(&unknown).send().await), crate::endpoint::NO_SUCH_QUEUE);

    second.set("RedrivePolicy", "").await.unwrap();
    assert_eq!(listing(&dead_letters.url).send().await.unwrap().queue_urls, [first.url]);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListDeadLetterSourceQueues.html>
#[tokio::test]
async fn a_list_of_dead_letter_sources_comes_in_pages_when_a_page_has_a_size() {
    let endpoint = Endpoint::start().await;
    let dead_letters = endpoint.queue("dlq").await;
    let policy = redrive_policy(&dead_letters.arn, 3);
    for number in 0..3 {
        endpoint.queue_with(&format!("source-{number}"), &[("RedrivePolicy", &policy)]).await;
    }
    if endpoint.localstack_differs("it has one page") {
        return;
    }
    let listing = || endpoint.sqs.list_dead_letter_source_queues().queue_url(&dead_letters.url).max_results(2);
    let first = listing().send().await.unwrap();
    assert_eq!(first.queue_urls.len(), 2);
    let second = listing().next_token(first.next_token.unwrap()).send().await.unwrap();
    assert_eq!((second.queue_urls.len(), second.next_token), (1, None));
}
