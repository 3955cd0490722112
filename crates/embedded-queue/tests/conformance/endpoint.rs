//! What a test stands on: an endpoint, and queues of its own on it.

use std::cell::OnceCell;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use testbed::Queues;

/// The embedded queue, or that of `TEST_AWS_ENDPOINT_URL`.
pub(crate) struct Endpoint {
    pub(crate) sqs: Client,
    pub(crate) url: String,
    queues: Queues,
    http: OnceCell<reqwest::Client>,
}

impl Endpoint {
    pub(crate) async fn start() -> Self {
        let queues = Queues::none_yet().await;
        Self { sqs: queues.sqs.clone(), url: queues.url.clone(), queues, http: OnceCell::new() }
    }

    /// On LocalStack: says why the test is left out from here on, and that it is (`true`). AWS's documentation, linked
    /// at the test, says otherwise.
    pub(crate) fn localstack_differs(&self, how: &str) -> bool {
        if !self.queues.embedded() {
            println!("left out, LocalStack 4.14 differs: {how}");
        }
        !self.queues.embedded()
    }

    /// For requests in plain HTTP.
    pub(crate) fn http(&self) -> &reqwest::Client {
        self.http.get_or_init(testbed::http_client)
    }

    /// From now on the embedded queue is so unkind.
    pub(crate) fn unkind(&self, shares: &str) {
        assert!(self.queues.unkind(shares), "LocalStack is always kind");
    }

    /// A name that no other test has.
    pub(crate) fn name(&self, queue: &str) -> String {
        self.queues.name(queue)
    }

    pub(crate) async fn queue(&self, name: &str) -> Queue {
        self.queue_with(name, &[]).await
    }

    pub(crate) async fn queue_with(&self, name: &str, attributes: &[(&str, &str)]) -> Queue {
        let name = self.name(name);
        let attributes = attributes.iter().map(|(name, value)| ((*name).into(), (*value).to_owned())).collect();
        let answer = self.sqs.create_queue().queue_name(&name).set_attributes(Some(attributes)).send().await.unwrap();
        let url = answer.queue_url.unwrap();
        Queue { sqs: self.sqs.clone(), url, arn: format!("arn:aws:sqs:us-east-1:000000000000:{name}"), name }
    }

    /// The answer to `CreateQueue` with one attribute: nothing, or why it was refused.
    pub(crate) async fn creation_with(&self, name: &str, attribute: &str, value: &str) -> Result<(), Refusal> {
        let call = self.sqs.create_queue().queue_name(self.name(name)).attributes(attribute.into(), value);
        call.send().await.map(drop).map_err(refusal)
    }

    /// A queue, and the dead-letter queue to which its messages go after so many receives.
    pub(crate) async fn with_dead_letters(&self, name: &str, max_receive_count: u32) -> (Queue, Queue) {
        let dead_letters = self.queue(&format!("{name}-dlq")).await;
        let policy = redrive_policy(&dead_letters.arn, max_receive_count);
        (self.queue_with(name, &[("RedrivePolicy", &policy)]).await, dead_letters)
    }
}

pub(crate) fn redrive_policy(dead_letters_arn: &str, max_receive_count: u32) -> String {
    format!(r#"{{"deadLetterTargetArn":"{dead_letters_arn}","maxReceiveCount":{max_receive_count}}}"#)
}

/// How SQS refuses: the code of its query protocol (`x-amzn-query-error`), which is what SDKs show, and its words.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: String,
    pub(crate) message: String,
}

pub(crate) fn refusal<E: ProvideErrorMetadata + std::fmt::Debug, R: std::fmt::Debug>(error: SdkError<E, R>) -> Refusal {
    let Some(code) = error.code() else { panic!("not an answer of SQS: {error:?}") };
    Refusal { code: code.to_owned(), message: error.message().unwrap_or_default().to_owned() }
}

/// The code with which a call was refused.
pub(crate) fn code<T, E, R>(answer: Result<T, SdkError<E, R>>) -> String
where
    T: std::fmt::Debug,
    E: ProvideErrorMetadata + std::fmt::Debug,
    R: std::fmt::Debug,
{
    refusal(answer.unwrap_err()).code
}

/// The words with which a call was refused as one with an unusable parameter.
pub(crate) fn invalid_parameter<T, E, R>(answer: Result<T, SdkError<E, R>>) -> String
where
    T: std::fmt::Debug,
    E: ProvideErrorMetadata + std::fmt::Debug,
    R: std::fmt::Debug,
{
    let refusal = refusal(answer.unwrap_err());
    assert_eq!(refusal.code, "InvalidParameterValue", "{}", refusal.message);
    refusal.message
}

pub(crate) const NO_SUCH_QUEUE: &str = "AWS.SimpleQueueService.NonExistentQueue";

/// A queue of the test's own.
#[derive(Clone)]
pub(crate) struct Queue {
    pub(crate) sqs: Client,
    pub(crate) url: String,
    pub(crate) arn: String,
    pub(crate) name: String,
}

impl Queue {
    /// Sends a message, and returns its id.
    pub(crate) async fn send(&self, body: &str) -> String {
        self.sqs.send_message().queue_url(&self.url).message_body(body).send().await.unwrap().message_id.unwrap()
    }

    /// A receive, short polling, of all that a message has. Hides what it gets for half a minute.
    pub(crate) fn receiving(&self) -> aws_sdk_sqs::operation::receive_message::builders::ReceiveMessageFluentBuilder {
        self.sqs
            .receive_message()
            .queue_url(&self.url)
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::All)
    }

    /// What is there, up to ten messages.
    pub(crate) async fn receive_all(&self) -> Vec<Message> {
        let answer = self.receiving().max_number_of_messages(10).send().await.unwrap();
        answer.messages.unwrap_or_default()
    }

    /// One message, if one is visible.
    pub(crate) async fn receive(&self) -> Option<Message> {
        self.receiving().send().await.unwrap().messages.unwrap_or_default().pop()
    }

    /// One message, hidden for so many seconds.
    pub(crate) async fn receive_for(&self, seconds: i32) -> Option<Message> {
        self.receiving().visibility_timeout(seconds).send().await.unwrap().messages.unwrap_or_default().pop()
    }

    /// Waits for one message.
    pub(crate) async fn await_one(&self) -> Message {
        testbed::eventually("a message", async || {
            self.receiving().wait_time_seconds(2).send().await.unwrap().messages.unwrap_or_default().pop()
        })
        .await
    }

    pub(crate) async fn delete(&self, message: &Message) {
        let handle = message.receipt_handle().unwrap();
        self.sqs.delete_message().queue_url(&self.url).receipt_handle(handle).send().await.unwrap();
    }

    pub(crate) async fn hide(&self, message: &Message, seconds: i32) {
        self.hiding(message.receipt_handle().unwrap(), seconds).send().await.unwrap();
    }

    pub(crate) fn hiding(
        &self,
        handle: &str,
        seconds: i32,
    ) -> aws_sdk_sqs::operation::change_message_visibility::builders::ChangeMessageVisibilityFluentBuilder {
        let call = self.sqs.change_message_visibility().queue_url(&self.url);
        call.receipt_handle(handle).visibility_timeout(seconds)
    }

    /// How many messages are visible, hidden and delayed.
    pub(crate) async fn counters(&self) -> [usize; 3] {
        let names = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ]
        .map(QueueAttributeName::from);
        let call = self.sqs.get_queue_attributes().queue_url(&self.url).set_attribute_names(Some(names.to_vec()));
        let attributes = call.send().await.unwrap().attributes.unwrap();
        names.map(|name| attributes[&name].parse().unwrap())
    }

    /// Waits for these counters.
    pub(crate) async fn await_counters(&self, expected: [usize; 3]) {
        let what = format!("the counters (visible, hidden, delayed) are {expected:?}");
        testbed::eventually(&what, async || (self.counters().await == expected).then_some(())).await;
    }

    pub(crate) async fn attribute(&self, name: &str) -> Option<String> {
        let call = self.sqs.get_queue_attributes().queue_url(&self.url).attribute_names(name.into());
        call.send().await.unwrap().attributes.unwrap_or_default().remove(&name.into())
    }

    pub(crate) async fn set(&self, attribute: &str, value: &str) -> Result<(), Refusal> {
        let call = self.sqs.set_queue_attributes().queue_url(&self.url).attributes(attribute.into(), value);
        call.send().await.map(drop).map_err(refusal)
    }
}

/// A system attribute of a message; empty if it has none of that name.
pub(crate) fn system<'m>(message: &'m Message, name: &str) -> &'m str {
    message.attributes.as_ref().and_then(|all| all.get(&name.into())).map_or("", String::as_str)
}

/// How often a message has been received, this time included.
pub(crate) fn receive_count(message: &Message) -> u32 {
    system(message, "ApproximateReceiveCount").parse().unwrap()
}

pub(crate) fn bodies(messages: &[Message]) -> Vec<&str> {
    let mut bodies: Vec<_> = messages.iter().map(|message| message.body().unwrap()).collect();
    bodies.sort_unstable();
    bodies
}
