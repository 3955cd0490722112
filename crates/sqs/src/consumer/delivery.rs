//! A received message, what a service does with it, and what is to become of it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::lease::Lease;
use crate::trace::TraceContext;

/// A received message in a handler's hands.
#[derive(Debug)]
#[non_exhaustive]
pub struct Delivery {
    /// The id that SQS gave it. A redrive gives another one: nothing may be keyed on it.
    pub message_id: String,
    /// The body.
    pub body: String,
    /// How often it has been received, this time included (`ApproximateReceiveCount`).
    pub attempt: u32,
    /// Its attributes that are text (type `String`) or numbers; not those of type `Binary`.
    pub attributes: BTreeMap<String, String>,
    /// The trace that it belongs to; what follows from it continues this.
    pub trace: TraceContext,
    /// The hold on it.
    pub lease: Lease,
}

/// What is to become of a message.
#[derive(Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// Everything that follows from it has been committed, and what its handler depends on has answered: delete it. Such a
    /// message ends an outage.
    Done,
    /// Everything that follows from it had been committed before: delete it. It says nothing about what its handler depends
    /// on.
    Repeated,
    /// It has failed: give it back, and have it again later. This uses up a receive, unless several different messages in
    /// a row fail and none gets through; then it is held as if its dependency were [away](Self::Away).
    Retry {
        /// Why, for the logs.
        reason: String,
        /// When; none: by the receive count, with exponential backoff.
        after: Option<Duration>,
    },
    /// What its handler depends on is away, which says nothing about the message: it keeps its slot and its lease and is
    /// tried again in place, for hours if need be. Only if others get through meanwhile, again and again, it has failed.
    Away {
        /// Why, for the logs.
        reason: String,
        /// When to try again at the earliest, if the dependency has said so.
        after: Option<Duration>,
    },
    /// Somebody else is at the same thing: it keeps its slot and its lease and is tried again in place. Nobody is to blame.
    /// Once half of the slots have been taken by such messages for longer than their visibility timeout, further ones are
    /// given back for as long, at the cost of a receive, and the other half is there for other messages.
    Busy {
        /// Why, for the logs.
        reason: String,
        /// When to try again.
        after: Duration,
    },
    /// It can never be handled: send it to the dead-letter queue.
    Reject {
        /// A stable word, for scripts and metrics.
        kind: &'static str,
        /// Why, for people.
        reason: String,
    },
}

impl Verdict {
    /// [`Retry`](Self::Retry) by the receive count.
    pub fn retry(reason: impl Into<String>) -> Self {
        Self::Retry { reason: reason.into(), after: None }
    }

    /// [`Away`](Self::Away), for nobody knows how long.
    pub fn away(reason: impl Into<String>) -> Self {
        Self::Away { reason: reason.into(), after: None }
    }

    /// [`Busy`](Self::Busy), to be tried again after `after`.
    pub fn busy(reason: impl Into<String>, after: Duration) -> Self {
        Self::Busy { reason: reason.into(), after }
    }

    /// [`Reject`](Self::Reject) as one of a `kind`.
    pub fn reject(kind: &'static str, reason: impl Into<String>) -> Self {
        Self::Reject { kind, reason: reason.into() }
    }

    /// How it differs from one that gets the message through, in a word for metrics.
    pub(super) fn error_type(&self) -> Option<&'static str> {
        match self {
            Self::Done | Self::Repeated => None,
            Self::Retry { .. } => Some("retry"),
            Self::Away { .. } => Some("away"),
            Self::Busy { .. } => Some("busy"),
            Self::Reject { .. } => Some("reject"),
        }
    }
}

/// What a service does with the messages of a queue.
///
/// ```
/// use sqs::{Delivery, Handler, Verdict};
///
/// struct Greeter;
///
/// impl Handler for Greeter {
///     async fn handle(&self, delivery: &Delivery) -> Verdict {
///         if delivery.body.is_empty() {
///             return Verdict::reject("nameless", "nobody to greet");
///         }
///         println!("Hello {}", delivery.body);
///         Verdict::Done
///     }
/// }
/// ```
pub trait Handler: Send + Sync + 'static {
    /// Handles a message, which may come more than once, and may be handed over again within one receive. A panic counts as
    /// [`Verdict::Retry`].
    ///
    /// The future is dropped when the consumer must stop and cannot wait any longer; the message is then given back.
    fn handle(&self, delivery: &Delivery) -> impl Future<Output = Verdict> + Send;

    /// Awaits everything that happens to a message, from the receive to its settlement, its handling included: the place for
    /// a log span around it, which [`handle`](Self::handle) finds again as the current one, or for a task-local value.
    ///
    /// With `tracing`: `processing.instrument(error_span!("order", message_id = delivery.message_id)).await`.
    fn around(
        &self,
        delivery: &Delivery,
        processing: impl Future<Output = ()> + Send,
    ) -> impl Future<Output = ()> + Send {
        let _ = delivery;
        processing
    }
}
