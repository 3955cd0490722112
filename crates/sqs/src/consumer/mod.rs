//! The consumer: receives, hands each message to the [`Handler`], and settles it by the handler's [`Verdict`].
//!
//! A message holds a slot (a permit) and a lease from the receive until it is settled; both end together, when it has been
//! processed. That is what keeps the consumer from receiving more than it can handle at once, and what keeps a message
//! hidden from other consumers for as long as this one is busy with it.
//!
//! What stands on what: `running` (the parts and their end) → `poll` → `process` → `settle` → `shared` → the parts
//! themselves (`batcher`, `lease`, `outage`, `pace`, `progress`) and what a service sees (`delivery`, `config`).

mod attributes;
mod batcher;
mod config;
mod delivery;
mod error;
mod fill;
mod lease;
mod outage;
mod pace;
mod poll;
mod process;
mod progress;
mod running;
mod settle;
mod shared;

use std::sync::Arc;

use crate::queue::Queue;

pub use config::ConsumerConfig;
pub use delivery::{Delivery, Handler, Verdict};
pub use error::ConsumerError;
pub use lease::Lease;
pub use progress::Progress;

use running::Running;
use shared::Shared;

/// Consumes one queue.
pub struct Consumer<H> {
    shared: Arc<Shared<H>>,
}

impl<H: Handler> Consumer<H> {
    /// A consumer of `queue` that is not running yet.
    pub fn new(queue: Queue, handler: H, config: ConsumerConfig) -> Self {
        Self { shared: Arc::new(Shared::new(queue, handler, config)) }
    }

    /// Whether the consumer gets on; for the liveness check.
    pub fn progress(&self) -> Progress {
        self.shared.progress.clone()
    }

    /// Consumes until `stop` resolves, and then ends without losing anything: an open receive is awaited and what it brings
    /// is given back, handlers finish, what is only held is given back, deletes are flushed; what is unfinished at the
    /// deadline is given back. Dropping this future instead leaves what was held to its visibility timeout.
    ///
    /// # Errors
    /// [`ConsumerError::Queue`] at once, if the queue is a FIFO queue. A queue that is missing or out of reach is no error:
    /// it is asked again and again. [`ConsumerError::Panicked`] if a part of the consumer has panicked: it has stopped in
    /// the same way, without having been told.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), ConsumerError> {
        self.shared.queue.refuse_fifo()?;
        Running::start(self.shared).until(stop).await
    }
}
