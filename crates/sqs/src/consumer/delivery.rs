//! A received message, what a service does with it, and what is to become of it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::lease::Lease;
use crate::trace::TraceContext;

/// A received message.
#[derive(Debug)]
pub struct Delivery {
    /// The id that SQS gave it. A redrive gives another one: nothing may be keyed on it.
    pub message_id: String,
    /// The body.
    pub body: String,
    /// How often it has been received, this time included (`ApproximateReceiveCount`).
    pub attempt: u32,
    /// Its attributes of type `String`.
    pub attributes: BTreeMap<String, String>,
    /// The trace that it belongs to; what follows from it continues this.
    pub trace: TraceContext,
    /// The hold on it.
    pub lease: Lease,
}

/// What is to become of a message.
#[derive(Debug)]
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

/// What a service does with the messages of a queue.
pub trait Handler: Send + Sync + 'static {
    /// The span around everything that happens to a message; the handler's place for the ids that it finds inside.
    fn span(&self, delivery: &Delivery) -> tracing::Span;

    /// Handles a message, which may come more than once, and may be handed over again within one receive. A panic counts as
    /// [`Verdict::Retry`].
    ///
    /// The future is dropped when the consumer must stop and cannot wait any longer; the message is then given back.
    fn handle(&self, delivery: &Delivery) -> impl Future<Output = Verdict> + Send;
}
