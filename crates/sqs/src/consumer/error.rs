//! Why a consumer has ended without having been told to.

use tokio::task::JoinError;

use crate::error::QueueError;

/// Why a consumer has ended without having been told to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConsumerError {
    /// The queue is none that can be consumed.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// A part of the consumer has panicked. What it held has been given back, as when it is told to stop.
    #[error("a part of the consumer has panicked: {0}")]
    Panicked(String),
}

impl ConsumerError {
    /// Of a part that has not ended by itself.
    pub(super) fn of_part(ended: JoinError) -> Self {
        Self::Panicked(ended.to_string())
    }
}
