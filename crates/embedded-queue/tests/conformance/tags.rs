//! Tags of a queue.

use std::collections::HashMap;

use crate::endpoint::{Endpoint, NO_SUCH_QUEUE, Queue, code};

async fn tags(queue: &Queue) -> Vec<(String, String)> {
    let tags = queue.sqs.list_queue_tags().queue_url(&queue.url).send().await.unwrap().tags.unwrap_or_default();
    let mut tags: Vec<_> = tags.into_iter().collect();
    tags.sort_unstable();
    tags
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_TagQueue.html>
#[tokio::test]
async fn tags_are_added_overwritten_and_removed_by_their_case_sensitive_keys() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("tagged").await;
    assert_eq!(tags(&queue).await, []);
    let tagging = || endpoint.sqs.tag_queue().queue_url(&queue.url);
    tagging().tags("team", "orders").tags("Team", "").send().await.unwrap();
    tagging().tags("team", "payments").send().await.unwrap();
    assert_eq!(tags(&queue).await, pairs(&[("Team", ""), ("team", "payments")]));
    let untagging = || endpoint.sqs.untag_queue().queue_url(&queue.url);
    untagging().tag_keys("team").tag_keys("unknown").send().await.unwrap();
    assert_eq!(tags(&queue).await, pairs(&[("Team", "")]));
    untagging().tag_keys("Team").send().await.unwrap();
    assert_eq!(tags(&queue).await, []);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-tags.html>
#[tokio::test]
async fn a_queue_has_at_most_50_tags() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("tagged").await;
    let fifty: HashMap<_, _> = (0..50).map(|number| (format!("key-{number}"), "value".to_owned())).collect();
    endpoint.sqs.tag_queue().queue_url(&queue.url).set_tags(Some(fifty)).send().await.unwrap();
    assert_eq!(tags(&queue).await.len(), 50);
    if endpoint.localstack_differs("it takes any number of tags") {
        return;
    }
    let one_more = endpoint.sqs.tag_queue().queue_url(&queue.url).tags("one-more", "value").send().await;
    assert_eq!(code(one_more), "InvalidParameterValue");
    endpoint.sqs.tag_queue().queue_url(&queue.url).tags("key-7", "overwritten").send().await.unwrap();
    assert_eq!(tags(&queue).await.len(), 50);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_TagQueue.html>
#[tokio::test]
async fn a_queue_that_is_not_there_has_no_tags() {
    let endpoint = Endpoint::start().await;
    let url = format!("{}-not", endpoint.queue("there").await.url);
    assert_eq!(code(endpoint.sqs.tag_queue().queue_url(&url).tags("a", "b").send().await), NO_SUCH_QUEUE);
    assert_eq!(code(endpoint.sqs.untag_queue().queue_url(&url).tag_keys("a").send().await), NO_SUCH_QUEUE);
    assert_eq!(code(endpoint.sqs.list_queue_tags().queue_url(&url).send().await), NO_SUCH_QUEUE);
}
