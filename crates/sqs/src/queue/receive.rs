//! Receiving from a queue.

use std::time::Duration;

use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::config::{Builder, retry::RetryConfig};
use aws_sdk_sqs::types::MessageSystemAttributeName;

use super::Queue;
use crate::call::Call;
use crate::error::QueueError;
use crate::operation::{About, RECEIVE};
use crate::received::Received;

/// How much longer than its long poll a receive may take before its connection counts as lost.
const RECEIVE_MARGIN: Duration = Duration::from_secs(5);

/// What a receive asks for.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ReceiveRequest {
    /// At most this many messages, 1–10.
    pub max: usize,
    /// The long poll, at most 20 s.
    pub wait: Duration,
    /// How long what it brings is hidden from others.
    pub visibility_timeout: Duration,
}

impl ReceiveRequest {
    /// Asks for up to `max` messages, 1–10; waits for the first one up to `wait`, 20 s at most; hides them for
    /// `visibility_timeout`.
    pub fn new(max: usize, wait: Duration, visibility_timeout: Duration) -> Self {
        Self { max, wait, visibility_timeout }
    }
}

impl Queue {
    /// Long-polls for messages. Not to be dropped while it waits: what SQS has handed out by then would stay hidden
    /// until its visibility timeout.
    pub async fn receive(&self, request: ReceiveRequest) -> Result<Vec<Received>, QueueError> {
        let seconds = |time: Duration| i32::try_from(time.as_secs()).unwrap_or(i32::MAX);
        let time_out = TimeoutConfig::builder().operation_attempt_timeout(request.wait + RECEIVE_MARGIN).build();
        let url = &self.properties().await?.url;
        let receive = self
            .0
            .client
            .receive_message()
            .queue_url(url)
            .max_number_of_messages(i32::try_from(request.max).unwrap_or(1))
            .wait_time_seconds(seconds(request.wait))
            .visibility_timeout(seconds(request.visibility_timeout))
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateFirstReceiveTimestamp)
            .customize()
            // The caller backs off by itself, and tells of it.
            .config_override(Builder::new().timeout_config(time_out).retry_config(RetryConfig::disabled()));
        let call = Call::begin(&RECEIVE);
        self.outcome(call, About::default(), receive.send().await, |answer, about| {
            // SQS leaves the list out when it is empty.
            let messages: Vec<_> = answer.messages.unwrap_or_default().into_iter().map(Received::new).collect();
            about.messages = messages.len();
            about.created = messages.iter().filter_map(|message| message.receipt.created()).collect();
            if let [message] = messages.as_slice() {
                about.message_id = Some(message.message_id.clone());
            }
            for message in &messages {
                self.0.metrics.consumed(message.dwell());
            }
            Some(messages)
        })
    }
}
