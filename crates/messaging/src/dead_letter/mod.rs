//! Dead letters: what can never be handled, with the reason why.

mod browse;
mod redrive;
mod send;

pub use browse::{Browser, DeadLetter, THOROUGH};
pub use redrive::{Redrive, RedriveError, purge};
pub(crate) use send::{Failure, send};

/// Why, in words for people.
pub const FAILURE_REASON: &str = "failure-reason";
/// Why, in one stable word.
pub const FAILURE_TYPE: &str = "failure-type";
/// The id that the message had in its source queue.
pub const SOURCE_MESSAGE_ID: &str = "source-message-id";
/// How often it had been received there.
pub const RECEIVE_COUNT: &str = "receive-count";
