//! One SQS queue: the calls this project makes, with every entry's result read.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::config::{Builder, retry::RetryConfig};
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message,
    MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName, SendMessageBatchRequestEntry,
};
use tokio::sync::{Notify, OnceCell};

use crate::batch::OutgoingMessage;
use crate::blame;
use crate::metrics::{Metrics, RequestLabels};
use crate::reachability::Reachability;

/// How much longer than its long poll a receive may take before its connection counts as lost.
const RECEIVE_MARGIN: Duration = Duration::from_secs(5);

/// The one call in which a message can be refused.
const SEND: &str = "SendMessageBatch";

/// A queue by its name; cheap to clone. Its address is asked for once it is needed, so a queue that is not there yet
/// does not keep a service from starting.
#[derive(Clone, Debug)]
pub struct Queue(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    client: Client,
    name: String,
    properties: OnceCell<RwLock<Arc<Properties>>>,
    /// An answer does not fit what is known of the queue.
    contradicted: Notify,
    reachability: Reachability,
    metrics: Metrics,
}

/// What SQS says of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Properties {
    /// Where its messages are sent to and received from.
    pub url: String,
    /// Its Amazon resource name.
    pub arn: String,
    /// How long a receive hides a message unless it says otherwise.
    pub visibility_timeout: Duration,
    /// The dead-letter queue's name, from the redrive policy.
    pub dead_letter_queue: Option<String>,
    /// After how many receives SQS moves a message there, from the redrive policy.
    pub max_receive_count: Option<u32>,
}

/// The queue attribute `RedrivePolicy`. AWS answers the count as a number, LocalStack as it was given.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct RedrivePolicy {
    dead_letter_target_arn: String,
    max_receive_count: serde_json::Value,
}

impl RedrivePolicy {
    fn max_receive_count(&self) -> Option<u32> {
        match &self.max_receive_count {
            serde_json::Value::String(text) => text.parse().ok(),
            number => number.as_u64().and_then(|count| count.try_into().ok()),
        }
    }
}

/// Why a call to a queue failed.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// There is no queue of that name.
    #[error("the queue {queue} does not exist in this account and region; create it, services never do")]
    Missing {
        /// Its name.
        queue: String,
    },
    /// No usable answer: connection, time-out, throttling, credentials, a fault of the endpoint's, or an answer that is not
    /// SQS's. It says nothing about any message, and asking again later may help.
    #[error("{operation} on the queue {queue} failed: {reason}")]
    Unavailable {
        /// Its name.
        queue: String,
        /// The SQS action.
        operation: &'static str,
        /// What went wrong.
        reason: String,
    },
    /// SQS will not take what these messages contain, in this call: the codes of `SendMessageBatch` that say so, and
    /// nothing else. Sending the same call again will not help; only of a message that was alone in it does this say that
    /// it will never be taken.
    #[error("{operation} on the queue {queue} was refused: {reason}")]
    Refused {
        /// Its name.
        queue: String,
        /// The SQS action.
        operation: &'static str,
        /// What SQS said.
        reason: String,
    },
}

impl QueueError {
    /// Whether waiting may help.
    pub fn is_outage(&self) -> bool {
        !matches!(self, Self::Refused { .. })
    }
}

/// Why one entry of a batch failed although the call did not.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{code}: {message}")]
pub struct EntryError {
    /// Whether the entry itself is to blame, so that trying again will not help: told by its code, if that is one of the
    /// few that speak of an entry's content or of its receipt handle. Whatever else went wrong may be mended.
    pub sender_fault: bool,
    /// SQS's error code.
    pub code: String,
    /// SQS's words.
    pub message: String,
}

/// What became of each entry, in the order of the entries.
pub type EntryResults<T> = Vec<Result<T, EntryError>>;

/// What a receive asks for.
#[derive(Clone, Copy, Debug)]
pub struct ReceiveRequest {
    /// At most this many messages, 1–10.
    pub max: usize,
    /// The long poll, at most 20 s.
    pub wait: Duration,
    /// How long what it brings is hidden from others.
    pub visibility_timeout: Duration,
}

impl Queue {
    /// The queue `name`; nothing is asked of SQS yet.
    pub fn new(client: Client, name: &str, metrics: Metrics) -> Self {
        let (properties, contradicted, reachability) = Default::default();
        Self(Arc::new(Inner { client, name: name.to_owned(), properties, contradicted, reachability, metrics }))
    }

    /// Another queue of the same account.
    pub fn sibling(&self, name: &str) -> Self {
        Self::new(self.0.client.clone(), name, self.0.metrics.clone())
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether its last call was answered.
    pub fn is_reachable(&self) -> bool {
        self.0.reachability.is_reachable()
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// The client, for calls that this type has not.
    pub fn client(&self) -> &Client {
        &self.0.client
    }

    /// Its address and attributes, as they were when they were last asked for.
    pub async fn properties(&self) -> Result<Arc<Properties>, QueueError> {
        let asked = async || self.ask_properties().await.map(|properties| RwLock::new(Arc::new(properties)));
        let known = self.0.properties.get_or_try_init(asked).await?;
        Ok(known.read().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Asks for its attributes again, whatever is known already. Where that fails, what is known stays.
    pub async fn refresh(&self) -> Result<(), QueueError> {
        let Some(known) = self.0.properties.get() else { return self.properties().await.map(drop) };
        let now = Arc::new(self.ask_properties().await?);
        *known.write().unwrap_or_else(PoisonError::into_inner) = now;
        Ok(())
    }

    /// Takes note that an answer does not fit what is known of it.
    pub(crate) fn contradicted(&self) {
        self.0.contradicted.notify_one();
    }

    /// Resolves after such an answer.
    pub(crate) async fn until_contradicted(&self) {
        self.0.contradicted.notified().await;
    }

    async fn ask_properties(&self) -> Result<Properties, QueueError> {
        let answer = self.0.client.get_queue_url().queue_name(self.name()).send().await;
        let url = self.outcome("GetQueueUrl", answer, |answer| answer.queue_url)?;
        let answer =
            self.0.client.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::All).send().await;
        let attributes = self.outcome("GetQueueAttributes", answer, |answer| answer.attributes)?;
        let seconds = attributes.get(&QueueAttributeName::VisibilityTimeout).and_then(|text| text.parse().ok());
        let redrive = attributes
            .get(&QueueAttributeName::RedrivePolicy)
            .and_then(|policy| serde_json::from_str::<RedrivePolicy>(policy).ok());
        let name_in = |policy: &RedrivePolicy| policy.dead_letter_target_arn.rsplit(':').next().map(str::to_owned);
        Ok(Properties {
            url,
            arn: attributes.get(&QueueAttributeName::QueueArn).cloned().unwrap_or_default(),
            visibility_timeout: Duration::from_secs(seconds.unwrap_or(30)),
            dead_letter_queue: redrive.as_ref().and_then(name_in),
            max_receive_count: redrive.as_ref().and_then(RedrivePolicy::max_receive_count),
        })
    }

    /// The queue that its redrive policy names.
    pub async fn dead_letter_queue(&self) -> Result<Option<Self>, QueueError> {
        Ok(self.properties().await?.dead_letter_queue.as_deref().map(|name| self.sibling(name)))
    }

    /// Sends up to ten messages in one call. The results are the message ids that SQS gave.
    ///
    /// # Errors
    /// [`QueueError::Refused`] if SQS takes none of them because of what they contain.
    pub async fn send<M: AsRef<OutgoingMessage>>(&self, messages: &[M]) -> Result<EntryResults<String>, QueueError> {
        let mut call = self.0.client.send_message_batch().queue_url(&self.properties().await?.url);
        for (index, message) in messages.iter().map(AsRef::as_ref).enumerate() {
            let mut entry =
                SendMessageBatchRequestEntry::builder().id(index.to_string()).message_body(message.body.as_str());
            for (name, value) in &message.attributes {
                let value = MessageAttributeValue::builder().data_type("String").string_value(value);
                entry = entry.message_attributes(name, self.built(SEND, value.build())?);
            }
            call = call.entries(self.built(SEND, entry.build())?);
        }
        self.outcome(SEND, call.send().await, |answer| {
            let sent = answer.successful().iter().map(|entry| (entry.id(), entry.message_id().to_owned()));
            by_entry(messages.len(), sent, answer.failed(), blame::on_entry)
        })
    }

    /// Long-polls for messages. Not to be dropped while it waits: what SQS has handed out by then would stay hidden
    /// until its visibility timeout.
    pub async fn receive(&self, request: ReceiveRequest) -> Result<Vec<Message>, QueueError> {
        let seconds = |time: Duration| i32::try_from(time.as_secs()).unwrap_or(i32::MAX);
        let time_out = TimeoutConfig::builder().operation_attempt_timeout(request.wait + RECEIVE_MARGIN).build();
        let call = self
            .0
            .client
            .receive_message()
            .queue_url(&self.properties().await?.url)
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
        // SQS leaves the list out when it is empty.
        self.outcome("ReceiveMessage", call.send().await, |answer| Some(answer.messages.unwrap_or_default()))
    }

    /// Deletes up to ten messages by their receipt handles in one call.
    pub async fn delete(&self, receipt_handles: &[String]) -> Result<EntryResults<()>, QueueError> {
        let mut call = self.0.client.delete_message_batch().queue_url(&self.properties().await?.url);
        for (index, receipt_handle) in receipt_handles.iter().enumerate() {
            let entry = DeleteMessageBatchRequestEntry::builder().id(index.to_string()).receipt_handle(receipt_handle);
            call = call.entries(self.built("DeleteMessageBatch", entry.build())?);
        }
        self.outcome("DeleteMessageBatch", call.send().await, |answer| {
            let deleted = answer.successful().iter().map(|entry| (entry.id(), ()));
            by_entry(receipt_handles.len(), deleted, answer.failed(), blame::on_receipt_handle)
        })
    }

    /// Sets the visibility timeout of up to ten messages in one call, counted from now and in whole seconds.
    pub async fn change_visibility(&self, entries: &[(String, Duration)]) -> Result<EntryResults<()>, QueueError> {
        let mut call = self.0.client.change_message_visibility_batch().queue_url(&self.properties().await?.url);
        for (index, (receipt_handle, timeout)) in entries.iter().enumerate() {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(index.to_string())
                .receipt_handle(receipt_handle)
                .visibility_timeout(i32::try_from(timeout.as_secs_f64().ceil() as i64).unwrap_or(i32::MAX));
            call = call.entries(self.built("ChangeMessageVisibilityBatch", entry.build())?);
        }
        self.outcome("ChangeMessageVisibilityBatch", call.send().await, |answer| {
            let changed = answer.successful().iter().map(|entry| (entry.id(), ()));
            by_entry(entries.len(), changed, answer.failed(), blame::on_receipt_handle)
        })
    }

    /// Counts a call, reads its answer and sorts its error. An answer from which nothing can be read is not SQS's, whatever
    /// its status.
    fn outcome<A, E, T>(
        &self,
        operation: &'static str,
        answer: Result<A, SdkError<E>>,
        read: impl FnOnce(A) -> Option<T>,
    ) -> Result<T, QueueError>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        self.0.metrics.requests.get_or_create(&RequestLabels { queue: self.name().to_owned(), operation }).inc();
        let outcome = match answer {
            Ok(answer) => read(answer)
                .ok_or_else(|| self.unavailable(operation, "the answer says nothing; is this SQS?".to_owned())),
            Err(error) => Err(self.sorted(operation, error)),
        };
        self.0.reachability.observe(self.name(), &outcome);
        outcome
    }

    fn sorted<E>(&self, operation: &'static str, error: SdkError<E>) -> QueueError
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let SdkError::ServiceError(context) = &error else {
            return self.unavailable(operation, causes(&error));
        };
        let status = context.raw().status().as_u16();
        let Some(code) = context.err().code() else {
            return self.unavailable(operation, format!("HTTP status {status} without a code of SQS's; is this SQS?"));
        };
        let reason = format!("{code}: {}", context.err().message().unwrap_or("no message"));
        if status == 400 && operation == SEND && blame::on_entries(code) {
            QueueError::Refused { queue: self.name().to_owned(), operation, reason }
        } else if blame::on_queue_name(code) {
            QueueError::Missing { queue: self.name().to_owned() }
        } else {
            self.unavailable(operation, reason)
        }
    }

    fn unavailable(&self, operation: &'static str, reason: String) -> QueueError {
        QueueError::Unavailable { queue: self.name().to_owned(), operation, reason }
    }

    fn built<T, E: std::fmt::Display>(&self, operation: &'static str, built: Result<T, E>) -> Result<T, QueueError> {
        built.map_err(|error| self.unavailable(operation, error.to_string()))
    }
}

/// An error and what it came from, in words only: the SDK's own text repeats all of it with the whole answer.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Puts the two lists of a batch answer back into the order of the request. An entry that is in neither has failed; none
/// if that goes for all of them. `to_blame` tells by its code whether a failed entry is itself to blame.
fn by_entry<'a, T>(
    entries: usize,
    successful: impl Iterator<Item = (&'a str, T)>,
    failed: &[BatchResultErrorEntry],
    to_blame: fn(&str) -> bool,
) -> Option<EntryResults<T>> {
    let mut results: Vec<Option<Result<T, EntryError>>> = (0..entries).map(|_| None).collect();
    let mut put = |id: &str, result| {
        if let Some(place) = id.parse::<usize>().ok().and_then(|index| results.get_mut(index)) {
            *place = Some(result);
        }
    };
    for (id, value) in successful {
        put(id, Ok(value));
    }
    for entry in failed {
        let (code, message) = (entry.code().to_owned(), entry.message().unwrap_or_default().to_owned());
        put(entry.id(), Err(EntryError { sender_fault: to_blame(&code), code, message }));
    }
    let unanswered = || EntryError { sender_fault: false, code: "Unanswered".into(), message: "no result".into() };
    let answered = entries == 0 || results.iter().any(Option::is_some);
    answered.then(|| results.into_iter().map(|result| result.unwrap_or_else(|| Err(unanswered()))).collect())
}
