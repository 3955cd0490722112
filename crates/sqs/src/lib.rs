//! Amazon SQS: at-least-once delivery done right, and nothing about orders or databases.
//!
//! A message's way, and where each step lives:
//!
//! 1. Messages gather for batches that are full without waiting ([`gathering`]) and are sent ([`queue`]); `crates/outbox`
//!    does so for what has been committed.
//! 2. The [`consumer`] receives no more than it has free slots for, keeps each message's [`lease`](consumer::Lease) alive
//!    from the receive to the confirmed delete, and hands it to a [`Handler`].
//! 3. The handler's [`Verdict`] decides: deleted, given back with a [`backoff`], or sent to the
//!    dead-letter queue with its reason ([`dead_letter`]).
//!
//! Features: `metrics` counts for Prometheus, `otel` makes spans. Neither puts a type of another crate into the API, which
//! knows its own types, the standard library's, and `aws_sdk_sqs::Client`.
//!
//! Facts about SQS that the code relies on are cited where it does:
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/>.

pub mod backoff;
pub mod batch;
mod blame;
mod call;
pub mod client;
pub mod consumer;
pub mod dead_letter;
mod error;
pub mod gathering;
mod metrics;
mod operation;
pub mod queue;
mod reachability;
mod received;
mod spans;
pub mod trace;

pub use backoff::Backoff;
pub use batch::OutgoingMessage;
pub use consumer::{Consumer, ConsumerConfig, ConsumerError, Delivery, Handler, Verdict};
pub use error::{EntryError, EntryResults, QueueError};
pub use metrics::Metrics;
pub use queue::Queue;
pub use received::{Receipt, Received};
pub use trace::TraceContext;

/// The README's code is compiled as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
