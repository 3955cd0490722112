//! Creating, finding, listing, purging and deleting queues.

use std::collections::HashMap;

use crate::endpoint::{Endpoint, NO_SUCH_QUEUE, code, invalid_parameter};

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>
#[tokio::test]
async fn a_name_has_1_to_80_letters_digits_hyphens_and_underscores() {
    let endpoint = Endpoint::start().await;
    let longest = format!("{:_<80}", endpoint.name("Name-1_"));
    endpoint.sqs.create_queue().queue_name(&longest).send().await.unwrap();
    for name in ["", "a b", "a.b", "ä", "a:b", &format!("{longest}x")] {
        let answer = endpoint.sqs.create_queue().queue_name(name).send().await;
        assert_eq!(code(answer), "InvalidParameterValue", "{name:?}");
    }
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>
#[tokio::test]
async fn names_are_case_sensitive() {
    let endpoint = Endpoint::start().await;
    let (lower, upper) = (endpoint.queue("case").await, endpoint.queue("CASE").await);
    lower.send("lower").await;
    assert_eq!(upper.counters().await, [0, 0, 0]);
    let answer = endpoint.sqs.get_queue_url().queue_name(endpoint.name("Case")).send().await;
    assert_eq!(code(answer), NO_SUCH_QUEUE);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>
#[tokio::test]
async fn creating_a_queue_again_with_the_same_or_with_fewer_attributes_changes_nothing() {
    let endpoint = Endpoint::start().await;
    let attributes = [("DelaySeconds", "1"), ("VisibilityTimeout", "7")];
    let queue = endpoint.queue_with("again", &attributes).await;
    queue.send("kept").await;
    for attributes in [&attributes[..], &attributes[1..], &[]] {
        assert_eq!(endpoint.queue_with("again", attributes).await.url, queue.url);
    }
    assert_eq!(queue.attribute("DelaySeconds").await.as_deref(), Some("1"));
    assert_eq!(queue.counters().await.iter().sum::<usize>(), 1);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>
#[tokio::test]
async fn creating_a_queue_again_with_another_value_is_refused_and_says_which_attribute_differs() {
    let endpoint = Endpoint::start().await;
    endpoint.queue_with("differs", &[("DelaySeconds", "1"), ("VisibilityTimeout", "7")]).await;
    for (attribute, value) in [("DelaySeconds", "2"), ("MessageRetentionPeriod", "60")] {
        let refusal = endpoint.creation_with("differs", attribute, value).await.unwrap_err();
        assert_eq!(refusal.code, "QueueAlreadyExists");
        let words = "A queue already exists with the same name and a different value for attribute";
        assert_eq!(refusal.message, format!("{words} {attribute}"));
    }
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>
#[tokio::test]
async fn creating_a_queue_again_compares_with_what_was_set_since() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue_with("since", &[("DelaySeconds", "1")]).await;
    queue.set("DelaySeconds", "2").await.unwrap();
    assert_eq!(endpoint.creation_with("since", "DelaySeconds", "2").await, Ok(()));
    assert_eq!(endpoint.creation_with("since", "DelaySeconds", "1").await.unwrap_err().code, "QueueAlreadyExists");
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>
#[tokio::test]
async fn creating_a_queue_with_a_default_written_out_is_the_same_queue() {
    let endpoint = Endpoint::start().await;
    endpoint.queue("default").await;
    assert_eq!(endpoint.creation_with("default", "VisibilityTimeout", "30").await, Ok(()));
}

/// A FIFO queue is refused rather than half done; SQS has it, so this is the embedded queue's own rule.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fifo-queues.html>
#[tokio::test]
async fn fifo_queues_are_refused_in_one_clear_sentence() {
    let endpoint = Endpoint::start().await;
    if endpoint.localstack_differs("it has FIFO queues") {
        return;
    }
    let fifo = endpoint.sqs.create_queue().queue_name(endpoint.name("orders.fifo"));
    let refusal = crate::endpoint::refusal(fifo.attributes("FifoQueue".into(), "true").send().await.unwrap_err());
    assert_eq!(refusal.code, "AWS.SimpleQueueService.UnsupportedOperation");
    assert!(refusal.message.to_lowercase().contains("fifo"), "{}", refusal.message);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueUrl.html>
#[tokio::test]
async fn a_queue_is_found_by_its_name_and_its_owner() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("found").await;
    let finding = || endpoint.sqs.get_queue_url().queue_name(&queue.name);
    assert_eq!(finding().send().await.unwrap().queue_url, Some(queue.url.clone()));
    let owned = finding().queue_owner_aws_account_id("000000000000").send().await.unwrap();
    assert_eq!(owned.queue_url, Some(queue.url.clone()));
    assert_eq!(code(finding().queue_owner_aws_account_id("111111111111").send().await), NO_SUCH_QUEUE);
    let unknown = endpoint.sqs.get_queue_url().queue_name(endpoint.name("unknown")).send().await;
    assert_eq!(code(unknown), NO_SUCH_QUEUE);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListQueues.html>
#[tokio::test]
async fn queues_are_listed_by_the_beginning_of_their_names() {
    let endpoint = Endpoint::start().await;
    let (first, second) = (endpoint.queue("list-1").await, endpoint.queue("list-2").await);
    endpoint.queue("other").await;
    let listing = |prefix: &str| endpoint.sqs.list_queues().queue_name_prefix(endpoint.name(prefix)).send();
    let answer = listing("list-").await.unwrap();
    let mut urls = answer.queue_urls().to_vec();
    urls.sort_unstable();
    assert_eq!(urls, [first.url, second.url]);
    assert_eq!(answer.next_token(), None);
    assert!(listing("nothing-").await.unwrap().queue_urls().is_empty());
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListQueues.html>
#[tokio::test]
async fn a_list_of_queues_comes_in_pages_when_a_page_has_a_size() {
    let endpoint = Endpoint::start().await;
    let mut expected = Vec::new();
    for number in 0..5 {
        expected.push(endpoint.queue(&format!("page-{number}")).await.url);
    }
    let listing = || endpoint.sqs.list_queues().queue_name_prefix(endpoint.name("page-"));
    let (mut found, mut pages, mut token) = (Vec::new(), Vec::new(), None);
    loop {
        let page = listing().max_results(2).set_next_token(token).send().await.unwrap();
        pages.push(page.queue_urls().len());
        found.extend_from_slice(page.queue_urls());
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    found.sort_unstable();
    assert_eq!((found, pages), (expected, vec![2, 2, 1]));
    let whole = listing().send().await.unwrap();
    assert_eq!((whole.queue_urls().len(), whole.next_token()), (5, None), "without a size it is one page");
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListQueues.html>
#[tokio::test]
async fn a_page_of_queues_has_1_to_1000_entries() {
    let endpoint = Endpoint::start().await;
    endpoint.sqs.list_queues().max_results(1000).send().await.unwrap();
    if endpoint.localstack_differs("it takes any size of a page") {
        return;
    }
    for size in [0, -1, 1001] {
        invalid_parameter(endpoint.sqs.list_queues().max_results(size).send().await);
    }
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_PurgeQueue.html>
#[tokio::test]
async fn a_purge_deletes_all_messages_visible_hidden_and_delayed() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("purged").await;
    queue.send("hidden").await;
    let hidden = queue.receive().await.unwrap();
    queue.send("visible").await;
    let delayed = endpoint.sqs.send_message().queue_url(&queue.url).message_body("delayed").delay_seconds(900);
    delayed.send().await.unwrap();
    assert_eq!(queue.counters().await, [1, 1, 1]);

    endpoint.sqs.purge_queue().queue_url(&queue.url).send().await.unwrap();
    queue.await_counters([0, 0, 0]).await;
    let change = queue.hiding(hidden.receipt_handle().unwrap(), 0).send().await;
    assert_eq!(code(change), "InvalidParameterValue", "a purged message cannot become visible again");
    assert!(queue.receive_all().await.is_empty());
    queue.send("after").await;
    assert_eq!(queue.receive().await.unwrap().body(), Some("after"));
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteQueue.html>
#[tokio::test]
async fn a_deleted_queue_is_gone_with_its_messages_for_every_call() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("deleted").await;
    queue.send("gone").await;
    let sqs = &endpoint.sqs;
    sqs.delete_queue().queue_url(&queue.url).send().await.unwrap();

    assert_eq!(code(sqs.get_queue_url().queue_name(&queue.name).send().await), NO_SUCH_QUEUE);
    assert_eq!(code(sqs.send_message().queue_url(&queue.url).message_body("late").send().await), NO_SUCH_QUEUE);
    assert_eq!(code(queue.receiving().send().await), NO_SUCH_QUEUE);
    assert_eq!(code(sqs.get_queue_attributes().queue_url(&queue.url).send().await), NO_SUCH_QUEUE);
    assert_eq!(queue.set("DelaySeconds", "1").await.unwrap_err().code, NO_SUCH_QUEUE);
    assert_eq!(code(sqs.purge_queue().queue_url(&queue.url).send().await), NO_SUCH_QUEUE);
    assert_eq!(code(sqs.delete_queue().queue_url(&queue.url).send().await), NO_SUCH_QUEUE);
    assert_eq!(code(sqs.list_queue_tags().queue_url(&queue.url).send().await), NO_SUCH_QUEUE);
    let listed = sqs.list_queues().queue_name_prefix(&queue.name).send().await.unwrap();
    assert!(listed.queue_urls().is_empty());

    let anew = endpoint.queue("deleted").await;
    assert_eq!(anew.counters().await, [0, 0, 0]);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteQueue.html>
#[tokio::test]
async fn a_long_poll_of_a_queue_that_is_deleted_ends() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("deleted").await;
    let poll = tokio::spawn(queue.receiving().wait_time_seconds(4).send());
    endpoint.sqs.delete_queue().queue_url(&queue.url).send().await.unwrap();
    match poll.await.unwrap() {
        // The poll came after the deletion, or SQS's answer to one that was under way.
        Err(error) => assert_eq!(crate::endpoint::refusal(error).code, NO_SUCH_QUEUE),
        Ok(answer) => assert!(answer.messages().is_empty()),
    }
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>
#[tokio::test]
async fn a_queue_can_have_tags_from_its_creation() {
    let endpoint = Endpoint::start().await;
    let name = endpoint.name("tagged");
    let answer = endpoint.sqs.create_queue().queue_name(name).tags("team", "orders").send().await.unwrap();
    let tags = endpoint.sqs.list_queue_tags().queue_url(answer.queue_url.unwrap()).send().await.unwrap().tags;
    assert_eq!(tags, Some(HashMap::from([("team".to_owned(), "orders".to_owned())])));
}
