//! Everything in one process: an embedded queue, the order service, the payment service and the console, on SQLite files.
//!
//! For trying it out with nothing but Rust. The services are the very same as in the containers; only the queue forgets
//! what is in it when the process ends, so at start the orders still pending are told again.

pub mod cost;
pub mod demo;
mod switches;
pub mod system;
mod worker;

pub use system::{System, SystemSettings};
