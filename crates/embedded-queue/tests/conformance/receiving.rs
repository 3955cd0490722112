//! Receiving without waiting: how many, what of them, and how long they are hidden.

use aws_sdk_sqs::types::{Message, MessageAttributeValue};

use crate::endpoint::{Endpoint, Queue, bodies, invalid_parameter, receive_count, system};

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>
#[tokio::test]
async fn a_receive_brings_one_message_unless_more_are_asked_for_and_never_more_than_that() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("several").await;
    for number in 0..12 {
        queue.send(&number.to_string()).await;
    }
    let receiving = || queue.receiving().send();
    assert_eq!(receiving().await.unwrap().messages().len(), 1);
    let three = queue.receiving().max_number_of_messages(3).send().await.unwrap();
    assert!((1..=3).contains(&three.messages().len()));
    let mut seen = 1 + three.messages().len();
    while seen < 12 {
        let more = queue.receive_all().await;
        assert!((1..=10).contains(&more.len()));
        seen += more.len();
    }
    assert!(queue.receive_all().await.is_empty(), "none comes twice while it is hidden");
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>
#[tokio::test]
async fn a_receive_asks_for_1_to_10_messages() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("several").await;
    let receiving = |count| queue.receiving().max_number_of_messages(count).send();
    let message = invalid_parameter(receiving(11).await);
    let words = "Value 11 for parameter MaxNumberOfMessages is invalid. \
                 Reason: Must be between 1 and 10, if provided.";
    assert_eq!(message, words);
    if endpoint.localstack_differs("it takes 0 as 1, and -1 as all") {
        return;
    }
    for count in [0, -1] {
        invalid_parameter(receiving(count).await);
    }
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>
#[tokio::test]
async fn a_receive_waits_0_to_20_seconds() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("waits").await;
    for seconds in [-1, 21] {
        let message = invalid_parameter(queue.receiving().wait_time_seconds(seconds).send().await);
        let words = "for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided.";
        assert_eq!(message, format!("Value {seconds} {words}"));
    }
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>
#[tokio::test]
async fn a_receive_hides_its_messages_for_0_to_43200_seconds() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("hidden").await;
    queue.send("long").await;
    assert!(queue.receive_for(43_200).await.is_some());
    if endpoint.localstack_differs("it takes any time") {
        return;
    }
    for seconds in [-1, 43_201] {
        invalid_parameter(queue.receiving().visibility_timeout(seconds).send().await);
    }
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html>
#[tokio::test]
async fn a_received_message_is_hidden_for_the_queues_time_or_for_that_of_the_receive() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue_with("hidden", &[("VisibilityTimeout", "1")]).await;
    queue.send("message").await;
    let first = queue.receive().await.unwrap();
    assert!(queue.receive().await.is_none());
    assert_eq!(receive_count(&first), 1);
    let second = queue.await_one().await;
    assert_eq!((second.message_id(), receive_count(&second)), (first.message_id(), 2));
    let third = testbed::eventually("it is visible again", async || queue.receive_for(900).await).await;
    assert_eq!(receive_count(&third), 3);
    assert_eq!(queue.counters().await, [0, 1, 0]);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>
#[tokio::test]
async fn a_visibility_timeout_of_0_in_a_receive_hides_nothing() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("zero").await;
    queue.send("message").await;
    for count in 1..=3 {
        let message = queue.receive_for(0).await.unwrap();
        assert_eq!(receive_count(&message), count);
        assert_eq!(queue.counters().await, [1, 0, 0]);
    }
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html>
#[tokio::test]
async fn a_visibility_timeout_of_0_of_the_queue_hides_nothing_and_a_receives_own_overrides_it() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue_with("zero", &[("VisibilityTimeout", "0")]).await;
    queue.send("message").await;
    assert!(queue.receive().await.is_some());
    assert!(queue.receive_for(900).await.is_some());
    assert!(queue.receive().await.is_none());
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>
#[tokio::test]
async fn the_first_receive_is_remembered_and_each_is_counted() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("counted").await;
    queue.send("message").await;
    let first = queue.receive_for(0).await.unwrap();
    let second = queue.receive_for(0).await.unwrap();
    let time = |message: &Message| system(message, "ApproximateFirstReceiveTimestamp").parse::<u64>().unwrap();
    assert_eq!((receive_count(&first), receive_count(&second)), (1, 2));
    assert_eq!(time(&first), time(&second));
    assert!(time(&first) >= system(&first, "SentTimestamp").parse().unwrap());
    assert_eq!(system(&first, "SentTimestamp"), system(&second, "SentTimestamp"));
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>
#[tokio::test]
async fn a_message_comes_without_attributes_that_nobody_asked_for() {
    let endpoint = Endpoint::start().await;
    let queue = queue_with_attributes(&endpoint).await;
    let call = endpoint.sqs.receive_message().queue_url(&queue.url).send().await.unwrap();
    let message = &call.messages()[0];
    assert_eq!((message.attributes(), message.message_attributes()), (None, None));
    assert_eq!(message.md5_of_message_attributes(), None);
    assert!(message.body().is_some() && message.md5_of_body().is_some() && message.receipt_handle().is_some());
}

/// The digests are those that AWS answered: they are of the attributes that come with the message.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>
#[tokio::test]
async fn message_attributes_are_chosen_by_name_by_prefix_or_all() {
    let endpoint = Endpoint::start().await;
    let queue = queue_with_attributes(&endpoint).await;
    let all = (vec!["General", "Hello", "Help.Me"], Some("4c360f3fdafd970e05fae2f149d997f5"));
    let cases = [
        (vec!["All"], all.clone()),
        (vec![".*"], all.clone()),
        (vec!["*"], all),
        (vec!["Hello", "General"], (vec!["General", "Hello"], Some("fca026605781cb4126a1e9044df24232"))),
        (vec!["Foo", "Hello"], (vec!["Hello"], Some("a311262e065454b75da111d535b8dacd"))),
        (vec!["Hel.*"], (vec!["Hello", "Help.Me"], Some("83fee93c1bcd8b9a5a923ffacdc636c7"))),
        (vec!["Foo", "Help"], (vec![], None)),
        (vec!["hello"], (vec![], None)),
        (vec![], (vec![], None)),
        (vec!["AWS."], (vec![], None)),
    ];
    for (names, (expected, digest)) in cases {
        let call = endpoint.sqs.receive_message().queue_url(&queue.url).visibility_timeout(0);
        let names: Vec<_> = names.into_iter().map(str::to_owned).collect();
        let answer = call.set_message_attribute_names(Some(names.clone())).send().await.unwrap();
        let message = &answer.messages()[0];
        let mut found: Vec<_> =
            message.message_attributes().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        found.sort_unstable();
        assert_eq!((found, message.md5_of_message_attributes()), (expected, digest), "{names:?}");
    }
}

async fn queue_with_attributes(endpoint: &Endpoint) -> Queue {
    let queue = endpoint.queue("filtered").await;
    let text = |value: &str| MessageAttributeValue::builder().data_type("String").string_value(value).build().unwrap();
    let call = endpoint.sqs.send_message().queue_url(&queue.url).message_body("msg");
    let call = call.message_attributes("Help.Me", text("Me")).message_attributes("Hello", text("There"));
    call.message_attributes("General", text("Kenobi")).send().await.unwrap();
    queue
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>
#[tokio::test]
async fn system_attributes_are_chosen_by_name_or_all_also_in_the_older_parameter() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("system").await;
    queue.send("message").await;
    let receiving = || endpoint.sqs.receive_message().queue_url(&queue.url).visibility_timeout(0);
    let names = |messages: &[Message]| {
        let mut names: Vec<_> =
            messages[0].attributes().into_iter().flatten().map(|(name, _)| name.as_str().to_owned()).collect();
        names.sort_unstable();
        names
    };
    let all = ["ApproximateFirstReceiveTimestamp", "ApproximateReceiveCount", "SenderId", "SentTimestamp"];
    let answer = receiving().message_system_attribute_names("All".into()).send().await.unwrap();
    assert_eq!(names(answer.messages()), all);
    #[allow(deprecated, reason = "older SDKs send it")]
    let answer = receiving().attribute_names("All".into()).send().await.unwrap();
    assert_eq!(names(answer.messages()), all);
    let two = receiving().message_system_attribute_names("SentTimestamp".into());
    let answer = two.message_system_attribute_names("SenderId".into()).send().await.unwrap();
    assert_eq!(names(answer.messages()), ["SenderId", "SentTimestamp"]);
    #[allow(deprecated, reason = "older SDKs send it")]
    let both = receiving().attribute_names("SenderId".into()).message_system_attribute_names("All".into());
    assert_eq!(names(both.send().await.unwrap().messages()), all);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>
#[tokio::test]
async fn an_unknown_system_attribute_is_refused() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("system").await;
    if endpoint.localstack_differs("it takes any name") {
        return;
    }
    let receiving = endpoint.sqs.receive_message().queue_url(&queue.url);
    let answer = receiving.message_system_attribute_names("Nonsense".into()).send().await;
    let code = crate::endpoint::code(answer);
    assert!(["InvalidAttributeName", "InvalidParameterValue"].contains(&code.as_str()), "{code}");
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-best-effort-ordering.html>
#[tokio::test]
async fn a_message_that_is_visible_again_comes_before_those_sent_after_it() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("ordered").await;
    queue.send("older").await;
    let older = queue.receive().await.unwrap();
    queue.send("newer").await;
    queue.hide(&older, 0).await;
    assert_eq!(queue.receive().await.unwrap().body(), Some("older"));
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues.html>
#[tokio::test]
async fn messages_come_in_the_order_in_which_they_were_sent_as_far_as_nothing_is_in_the_way() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("ordered").await;
    for body in ["1", "2", "3"] {
        queue.send(body).await;
    }
    let first = queue.receive().await.unwrap();
    assert_eq!(first.body(), Some("1"));
    let rest = queue.receive_all().await;
    assert_eq!(bodies(&rest), ["2", "3"]);
}
