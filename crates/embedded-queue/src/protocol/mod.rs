//! AWS JSON 1.0 as SQS speaks it: requests become typed calls, answers and errors become JSON.
//!
//! Source of every rule that is checked here: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/Welcome.html>.

mod answer;
mod batch;
mod content;
mod filter;
mod md5;
mod number;
mod request;
mod requests;
mod task_handle;

pub use answer::{answer, error};
pub use filter::Filter;
pub use request::{Context, Request, read};
