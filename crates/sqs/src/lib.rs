//! Amazon SQS: at-least-once delivery done right, and nothing about orders or databases.
//!
//! A message's way, and where each step lives:
//!
//! 1. Messages gather for batches that are full without waiting ([`gathering`]) and are sent ([`queue`]); `crates/outbox`
//!    does so for what has been committed.
//! 2. The [`consumer`] receives no more than it has free slots for, keeps each message's [`lease`](consumer::Lease) alive
//!    from the receive to the confirmed delete, and hands it to a [`Handler`](consumer::Handler).
//! 3. The handler's [`Verdict`](consumer::Verdict) decides: deleted, given back with a [`backoff`], or sent to the
//!    dead-letter queue with its reason ([`dead_letter`]).
//!
//! Facts about SQS that the code relies on are cited where it does:
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/>.

pub mod backoff;
pub mod batch;
mod blame;
pub mod client;
pub mod consumer;
pub mod dead_letter;
pub mod gathering;
pub mod metrics;
pub mod queue;
mod reachability;
pub mod trace;

pub use backoff::Backoff;
pub use batch::OutgoingMessage;
pub use consumer::{Consumer, ConsumerConfig, Delivery, Handler, Verdict};
pub use metrics::Metrics;
pub use queue::{Queue, QueueError};
pub use trace::TraceContext;
