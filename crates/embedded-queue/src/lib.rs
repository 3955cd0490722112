//! SQS in the process: real HTTP, any AWS SDK, no Docker; for `cargo run`, for tests, and by itself.
//!
//! [`core`] is the queue as a state machine, with all of SQS's rules; [`protocol`] is how SQS speaks; an
//! [`EmbeddedQueue`] puts both on a port. Everything is in memory: what is in it is gone when the process ends.

pub mod core;
mod definitions;
mod endpoint;
pub mod protocol;

pub use core::{NotUnkindness, Rules, Unkindness};
pub use definitions::{DefinitionsUnreadable, QueueDefinition, definitions, read_definitions};
pub use endpoint::{Controls, EmbeddedQueue, QueuesNotCreated, Settings};

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
