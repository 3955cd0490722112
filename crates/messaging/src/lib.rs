//! Asynchronous messaging on Amazon SQS: at-least-once delivery done right, and nothing about orders.
//!
//! A message's way, and where each step lives:
//!
//! 1. [`Outbox::add`](outbox::Outbox::add) stores it in the transaction of the change that it tells about.
//! 2. The [`relay`] claims what is stored with a lease, packs it into batches ([`batch`]) and sends it ([`queue`]).
//! 3. The [`consumer`] receives no more than it has free slots for, keeps each message's [`lease`](consumer::Lease) alive
//!    from the receive to the confirmed delete, and hands it to a [`Handler`](consumer::Handler).
//! 4. The handler's [`Verdict`](consumer::Verdict) decides: deleted, given back with a [`backoff`], or sent to the
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
pub mod metrics;
pub mod outbox;
pub mod queue;
mod reachability;
pub mod relay;
pub mod trace;

pub use backoff::Backoff;
pub use batch::OutgoingMessage;
pub use consumer::{Consumer, ConsumerConfig, Delivery, Handler, Verdict};
pub use metrics::Metrics;
pub use outbox::Outbox;
pub use queue::{Queue, QueueError};
pub use relay::Relay;
pub use trace::TraceContext;
