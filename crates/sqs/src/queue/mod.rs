//! One SQS queue: what is known of it, and the calls about its messages, with every entry's result read.

mod batches;
mod depth;
mod receive;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::QueueAttributeName;
use tokio::sync::{Notify, OnceCell};

use crate::blame;
use crate::call::{Call, Destination};
use crate::error::causes;
use crate::metrics::{CallMetrics, Metrics};
use crate::operation::{About, GET_ATTRIBUTES, GET_URL, Operation, SEND};
use crate::reachability::Reachability;

pub use crate::error::{EntryError, EntryResults, QueueError};
pub use depth::{Depth, keep_measured};
pub use receive::ReceiveRequest;

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
#[non_exhaustive]
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

impl Queue {
    /// The queue `name`; nothing is asked of SQS yet.
    ///
    /// A FIFO queue is refused: every call, and a consumer of it, ends with [`QueueError::Fifo`].
    pub fn new(client: Client, name: &str) -> Self {
        Self::with_metrics(client, name, &Metrics::default())
    }

    /// The queue `name`, counted by `metrics`.
    pub fn with_metrics(client: Client, name: &str, metrics: &Metrics) -> Self {
        let (properties, contradicted, reachability) = Default::default();
        let metrics = metrics.of_calls(name);
        Self(Arc::new(Inner { client, name: name.to_owned(), properties, contradicted, reachability, metrics }))
    }

    /// Another queue of the same account.
    pub fn sibling(&self, name: &str) -> Self {
        Self::with_metrics(self.0.client.clone(), name, self.metrics())
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

    /// A FIFO queue's name ends in `.fifo`, and no other's does.
    pub(crate) fn refuse_fifo(&self) -> Result<(), QueueError> {
        if self.name().ends_with(".fifo") { Err(QueueError::Fifo { queue: self.name().to_owned() }) } else { Ok(()) }
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
        self.refuse_fifo()?;
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
        let to = Destination { name: self.name(), url: self.known_url(), metrics: &self.0.metrics };
        call.end(to, about, outcome.as_ref().err());
        outcome
    }

    /// Where it is, as far as that is known without asking.
    fn known_url(&self) -> Option<String> {
        Some(self.0.properties.get()?.read().unwrap_or_else(PoisonError::into_inner).url.clone())
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
