//! Dead letters: what can never be handled, with the reason why.

mod attributes;
mod browse;
mod redrive;
mod send;

pub use attributes::{FAILURE_REASON, FAILURE_TYPE, RECEIVE_COUNT, SOURCE_MESSAGE_ID};
pub use browse::{Browser, DeadLetter, HOLD, THOROUGH};
pub use redrive::{Redrive, RedriveError, purge};
pub(crate) use send::{Failure, SendError, send};
