//! One SQS queue: the calls this project makes, with every entry's result read.

mod depth;
mod error;

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
use crate::call::{About, CHANGE_VISIBILITY, Call, DELETE, GET_ATTRIBUTES, GET_URL, Operation, RECEIVE, SEND};
use crate::metrics::{CallMetrics, Metrics};
use crate::reachability::Reachability;
use crate::received::{self, Receipt};
use crate::trace::TRACEPARENT;

pub use depth::{Depth, keep_measured};
pub use error::{EntryError, QueueError};

/// How much longer than its long poll a receive may take before its connection counts as lost.
const RECEIVE_MARGIN: Duration = Duration::from_secs(5);

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
    metrics: CallMetrics,
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
        let metrics = metrics.of_calls(name);
        Self(Arc::new(Inner { client, name: name.to_owned(), properties, contradicted, reachability, metrics }))
    }

    /// Another queue of the same account.
    pub fn sibling(&self, name: &str) -> Self {
        Self::new(self.0.client.clone(), name, self.metrics().clone())
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
        self.0.metrics.of_process()
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
        let call = Call::begin(&GET_URL);
        let answer = self.0.client.get_queue_url().queue_name(self.name()).send().await;
        let url = self.outcome(call, About::default(), answer, |answer, _| answer.queue_url)?;
        let call = Call::begin(&GET_ATTRIBUTES);
        let answer =
            self.0.client.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::All).send().await;
        let attributes = self.outcome(call, About::default(), answer, |answer, _| answer.attributes)?;
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
        let url = &self.properties().await?.url;
        let mut request = self.0.client.send_message_batch().queue_url(url);
        for (index, message) in messages.iter().map(AsRef::as_ref).enumerate() {
            let mut entry =
                SendMessageBatchRequestEntry::builder().id(index.to_string()).message_body(message.body.as_str());
            for (name, value) in &message.attributes {
                let value = MessageAttributeValue::builder().data_type("String").string_value(value);
                entry = entry.message_attributes(name, self.built(&SEND, value.build())?);
            }
            request = request.entries(self.built(&SEND, entry.build())?);
        }
        let created = messages.iter().filter_map(|message| message.as_ref().attributes.get(TRACEPARENT)?.parse().ok());
        let about = About { created: created.collect(), messages: messages.len(), ..About::default() };
        let call = Call::begin(&SEND);
        self.outcome(call, about, request.send().await, |answer, about| {
            let sent = answer.successful().iter().map(|entry| (entry.id(), entry.message_id().to_owned()));
            let results = by_entry(messages.len(), sent, answer.failed(), blame::on_entry)?;
            about.failed = results.iter().filter(|result| result.is_err()).count();
            self.0.metrics.sent(messages.len() - about.failed);
            if let [Ok(message_id)] = results.as_slice() {
                about.message_id = Some(message_id.clone());
            }
            Some(results)
        })
    }

    /// Long-polls for messages. Not to be dropped while it waits: what SQS has handed out by then would stay hidden
    /// until its visibility timeout.
    pub async fn receive(&self, request: ReceiveRequest) -> Result<Vec<Message>, QueueError> {
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
            let messages = answer.messages.unwrap_or_default();
            about.messages = messages.len();
            about.created = messages.iter().filter_map(received::created_in).collect();
            if let [message] = messages.as_slice() {
                about.message_id = message.message_id.clone();
            }
            for message in &messages {
                self.0.metrics.consumed(received::dwell(message));
            }
            Some(messages)
        })
    }

    /// Deletes up to ten messages by their receipts in one call.
    pub async fn delete(&self, receipts: &[Receipt]) -> Result<EntryResults<()>, QueueError> {
        let url = &self.properties().await?.url;
        let mut request = self.0.client.delete_message_batch().queue_url(url);
        for (index, receipt) in receipts.iter().enumerate() {
            let entry =
                DeleteMessageBatchRequestEntry::builder().id(index.to_string()).receipt_handle(receipt.handle());
            request = request.entries(self.built(&DELETE, entry.build())?);
        }
        let call = Call::begin(&DELETE);
        self.outcome(call, about_receipts(receipts.iter()), request.send().await, |answer, about| {
            let deleted = answer.successful().iter().map(|entry| (entry.id(), ()));
            settled(receipts.len(), deleted, answer.failed(), about)
        })
    }

    /// Sets the visibility timeout of up to ten messages in one call, counted from now and in whole seconds.
    pub async fn change_visibility(&self, entries: &[(Receipt, Duration)]) -> Result<EntryResults<()>, QueueError> {
        let url = &self.properties().await?.url;
        let mut request = self.0.client.change_message_visibility_batch().queue_url(url);
        for (index, (receipt, timeout)) in entries.iter().enumerate() {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(index.to_string())
                .receipt_handle(receipt.handle())
                .visibility_timeout(i32::try_from(timeout.as_secs_f64().ceil() as i64).unwrap_or(i32::MAX));
            request = request.entries(self.built(&CHANGE_VISIBILITY, entry.build())?);
        }
        let about = about_receipts(entries.iter().map(|(receipt, _)| receipt));
        let call = Call::begin(&CHANGE_VISIBILITY);
        self.outcome(call, about, request.send().await, |answer, about| {
            let changed = answer.successful().iter().map(|entry| (entry.id(), ()));
            settled(entries.len(), changed, answer.failed(), about)
        })
    }

    /// Reads a call's answer, sorts its error and ends it. An answer from which nothing can be read is not SQS's, whatever
    /// its status. What `read` finds out about the call is told of it.
    fn outcome<A, E, T>(
        &self,
        call: Call,
        mut about: About,
        answer: Result<A, SdkError<E>>,
        read: impl FnOnce(A, &mut About) -> Option<T>,
    ) -> Result<T, QueueError>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let operation = call.operation();
        let outcome = match answer {
            Ok(answer) => read(answer, &mut about)
                .ok_or_else(|| self.unavailable(operation, "the answer says nothing; is this SQS?".to_owned())),
            Err(error) => Err(self.sorted(operation, error)),
        };
        self.0.reachability.observe(self.name(), &outcome);
        call.end(self, about, outcome.as_ref().err());
        outcome
    }

    /// Where it is, as far as that is known without asking.
    pub(crate) fn known_url(&self) -> Option<String> {
        Some(self.0.properties.get()?.read().unwrap_or_else(PoisonError::into_inner).url.clone())
    }

    pub(crate) fn call_metrics(&self) -> &CallMetrics {
        &self.0.metrics
    }

    fn sorted<E>(&self, operation: &Operation, error: SdkError<E>) -> QueueError
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
        if status == 400 && *operation == SEND && blame::on_entries(code) {
            QueueError::Refused { queue: self.name().to_owned(), operation: operation.action, reason }
        } else if blame::on_queue_name(code) {
            QueueError::Missing { queue: self.name().to_owned() }
        } else {
            self.unavailable(operation, reason)
        }
    }

    fn unavailable(&self, operation: &Operation, reason: String) -> QueueError {
        QueueError::Unavailable { queue: self.name().to_owned(), operation: operation.action, reason }
    }

    fn built<T, E: std::fmt::Display>(&self, operation: &Operation, built: Result<T, E>) -> Result<T, QueueError> {
        built.map_err(|error| self.unavailable(operation, error.to_string()))
    }
}

/// An error and what it came from, in words only: the SDK's own text repeats all of it with the whole answer.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn about_receipts<'a>(receipts: impl ExactSizeIterator<Item = &'a Receipt> + Clone) -> About {
    let mut about = About { messages: receipts.len(), ..About::default() };
    if let (1, Some(receipt)) = (receipts.len(), receipts.clone().next()) {
        about.message_id = receipt.message_id().map(str::to_owned);
    }
    about.created = receipts.filter_map(Receipt::created).collect();
    about
}

/// What became of each entry about a receipt.
fn settled<'a>(
    entries: usize,
    successful: impl Iterator<Item = (&'a str, ())>,
    failed: &[BatchResultErrorEntry],
    about: &mut About,
) -> Option<EntryResults<()>> {
    let results = by_entry(entries, successful, failed, blame::on_receipt_handle)?;
    about.failed = results.iter().filter(|result| result.is_err()).count();
    Some(results)
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
