//! Why a call, or an entry of one, failed.

/// Why a call to a queue failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// Its name ends in `.fifo`. No call is made.
    #[error("{queue} is a FIFO queue, whose messages would not be handled in order here; use a standard queue")]
    Fifo {
        /// Its name.
        queue: String,
    },
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
        !matches!(self, Self::Refused { .. } | Self::Fifo { .. })
    }

    /// Which of them, in a word for metrics and spans.
    pub(crate) fn error_type(&self) -> &'static str {
        match self {
            Self::Fifo { .. } => "fifo",
            Self::Missing { .. } => "missing",
            Self::Unavailable { .. } => "unavailable",
            Self::Refused { .. } => "refused",
        }
    }
}

/// Why one entry of a batch failed although the call did not.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{code}: {message}")]
#[non_exhaustive]
pub struct EntryError {
    /// Whether the entry itself is to blame, so that trying again will not help: told by its code, if that is one of the
    /// few that speak of an entry's content or of its receipt handle. Whatever else went wrong may be mended.
    pub sender_fault: bool,
    /// SQS's error code.
    pub code: String,
    /// SQS's words.
    pub message: String,
}

/// What became of each entry of a batch, in the order of the entries.
pub type EntryResults<T> = Vec<Result<T, EntryError>>;

/// An error and what it came from, in words only: the SDK's own text repeats all of it with the whole answer.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
