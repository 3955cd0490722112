//! The project's queues, under names of the test's own.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName};
use embedded_queue::{EmbeddedQueue, definitions};
use sqs::client;
use tokio::net::TcpListener;

use crate::wait::eventually;

/// Four queues as `localstack/queues` defines them.
pub struct Queues {
    /// A client of the endpoint.
    pub sqs: Client,
    /// The endpoint.
    pub url: String,
    prefix: String,
    /// Ends with the test.
    embedded: Option<EmbeddedQueue>,
}

/// A message as it is in a queue.
#[derive(Clone, Debug)]
pub struct QueueMessage {
    /// Its body.
    pub body: String,
    /// Its attributes of type `String`.
    pub attributes: BTreeMap<String, String>,
    /// Its id.
    pub message_id: String,
    /// How often it has been received, this time included.
    pub receive_count: u32,
    /// For further calls about it.
    pub receipt_handle: String,
}

impl Queues {
    /// An endpoint without queues: the embedded one, or that of `TEST_AWS_ENDPOINT_URL`.
    pub async fn none_yet() -> Self {
        let (url, embedded) = match std::env::var("TEST_AWS_ENDPOINT_URL") {
            Ok(url) => (url, None),
            Err(_) => {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let queue = EmbeddedQueue::start(listener).unwrap();
                (queue.url(), Some(queue))
            }
        };
        let sqs = client::for_endpoint(&url).await;
        Self { sqs, url, prefix: format!("{}-", crate::unique()), embedded }
    }

    /// An endpoint with the four queues.
    pub async fn start() -> Self {
        let queues = Self::none_yet().await;
        queues.create().await;
        queues
    }

    /// Whether the endpoint is the embedded one.
    pub fn embedded(&self) -> bool {
        self.embedded.is_some()
    }

    /// From now on the embedded queue may do what SQS may do and rarely does: a share for each kind, such as
    /// `seed=1,duplicates=0.2,reordered=0.2,late=0.1,lost-answers=0.05`. `false`: it is not embedded, nothing changes.
    pub fn unkind(&self, shares: &str) -> bool {
        let Some(embedded) = &self.embedded else { return false };
        embedded.controls().set_unkindness(Some(shares.parse().unwrap()));
        true
    }

    /// Creates the four queues.
    pub async fn create(&self) {
        for definition in definitions(&self.prefix).unwrap() {
            self.create_queue(&definition.name, definition.attributes).await;
        }
    }

    async fn create_queue(&self, name: &str, attributes: HashMap<String, String>) {
        let attributes = attributes.into_iter().map(|(name, value)| (name.as_str().into(), value)).collect();
        self.sqs.create_queue().queue_name(name).set_attributes(Some(attributes)).send().await.unwrap();
    }

    /// What `orders`, `orders-dlq`, `payments` and `payments-dlq` are called in this test.
    pub fn name(&self, queue: &str) -> String {
        format!("{}{queue}", self.prefix)
    }

    /// The queue as the services see it.
    pub fn queue(&self, queue: &str) -> sqs::Queue {
        sqs::Queue::new(self.sqs.clone(), &self.name(queue))
    }

    async fn queue_url(&self, queue: &str) -> String {
        let answer = self.sqs.get_queue_url().queue_name(self.name(queue)).send().await.unwrap();
        answer.queue_url.unwrap()
    }

    /// Sends a message.
    pub async fn send(&self, queue: &str, body: &str) {
        self.send_with(queue, body, &[]).await;
    }

    /// Sends a message with attributes.
    pub async fn send_with(&self, queue: &str, body: &str, attributes: &[(&str, &str)]) {
        let mut call = self.sqs.send_message().queue_url(self.queue_url(queue).await).message_body(body);
        for (name, value) in attributes {
            let value = MessageAttributeValue::builder().data_type("String").string_value(*value).build().unwrap();
            call = call.message_attributes(*name, value);
        }
        call.send().await.unwrap();
    }

    /// Sends many messages, ten per call.
    pub async fn send_all(&self, queue: &str, bodies: &[String]) {
        let queue = self.queue(queue);
        for bodies in bodies.chunks(10) {
            let messages: Vec<_> = bodies.iter().map(sqs::OutgoingMessage::new).collect();
            assert!(queue.send(&messages).await.unwrap().iter().all(Result::is_ok));
        }
    }

    /// Receives up to ten messages, hides them for `visibility_timeout`, and waits up to `wait` for the first.
    pub async fn receive(&self, queue: &str, wait: Duration, visibility_timeout: Duration) -> Vec<QueueMessage> {
        self.receive_up_to(10, queue, wait, visibility_timeout).await
    }

    async fn receive_up_to(
        &self,
        most: i32,
        queue: &str,
        wait: Duration,
        visibility_timeout: Duration,
    ) -> Vec<QueueMessage> {
        let answer = self
            .sqs
            .receive_message()
            .queue_url(self.queue_url(queue).await)
            .max_number_of_messages(most)
            .wait_time_seconds(wait.as_secs() as i32)
            .visibility_timeout(visibility_timeout.as_secs() as i32)
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .send()
            .await
            .unwrap();
        let read = |message: aws_sdk_sqs::types::Message| QueueMessage {
            body: message.body.unwrap(),
            attributes: message
                .message_attributes
                .unwrap_or_default()
                .into_iter()
                .map(|(name, value)| (name, value.string_value.unwrap()))
                .collect(),
            message_id: message.message_id.unwrap(),
            receive_count: message.attributes.unwrap()[&MessageSystemAttributeName::ApproximateReceiveCount]
                .parse()
                .unwrap(),
            receipt_handle: message.receipt_handle.unwrap(),
        };
        answer.messages.unwrap_or_default().into_iter().map(read).collect()
    }

    /// Waits for the next message, and deletes it.
    pub async fn take(&self, queue: &str) -> QueueMessage {
        let what = format!("a message in {queue}");
        let receive =
            async || self.receive_up_to(1, queue, Duration::from_secs(1), Duration::from_secs(30)).await.pop();
        let message = eventually(&what, receive).await;
        self.delete(queue, &message.receipt_handle).await;
        message
    }

    /// Deletes a message.
    pub async fn delete(&self, queue: &str, receipt_handle: &str) {
        let url = self.queue_url(queue).await;
        self.sqs.delete_message().queue_url(url).receipt_handle(receipt_handle).send().await.unwrap();
    }

    /// Hides a message for so long from now.
    pub async fn change_visibility(&self, queue: &str, receipt_handle: &str, timeout: Duration) {
        self.sqs
            .change_message_visibility()
            .queue_url(self.queue_url(queue).await)
            .receipt_handle(receipt_handle)
            .visibility_timeout(timeout.as_secs() as i32)
            .send()
            .await
            .unwrap();
    }

    /// Deletes a queue.
    pub async fn delete_queue(&self, queue: &str) {
        self.sqs.delete_queue().queue_url(self.queue_url(queue).await).send().await.unwrap();
    }

    /// How many messages the queue reports, visible, hidden and delayed.
    pub async fn reported(&self, queue: &str) -> usize {
        self.counted(queue).await.iter().sum()
    }

    /// How many messages the queue reports as visible.
    pub async fn visible(&self, queue: &str) -> usize {
        self.counted(queue).await[0]
    }

    /// How many messages are visible, hidden and delayed.
    async fn counted(&self, queue: &str) -> [usize; 3] {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ];
        let call = self.sqs.get_queue_attributes().queue_url(self.queue_url(queue).await);
        let attributes = call.set_attribute_names(Some(names.to_vec())).send().await.unwrap().attributes.unwrap();
        names.map(|name| attributes[&name].parse().unwrap())
    }

    /// Waits until the queue is empty: nothing visible, nothing in flight, nothing delayed.
    pub async fn expect_empty(&self, queue: &str) {
        eventually(&format!("{queue} is empty"), async || (self.reported(queue).await == 0).then_some(())).await;
    }

    /// Waits until all of the given queues are empty.
    pub async fn expect_all_empty(&self, queues: &[&str]) {
        for queue in queues {
            self.expect_empty(queue).await;
        }
    }
}
