//! What the tests stand on: real queues over real HTTP, real databases, each test with its own.
//!
//! By default everything is embedded. `TEST_AWS_ENDPOINT_URL` and `TEST_DATABASE_URL` (a PostgreSQL server on which
//! databases may be created) put the same tests on LocalStack and PostgreSQL.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail where it stands")]

mod databases;
mod logs;
mod provider;
mod proxy;
mod queues;
mod running;
mod scene;
mod wait;
mod wire;

pub use databases::{Databases, migrate_further};
pub use logs::Logs;
pub use provider::{CountingProvider, Reply};
pub use proxy::{Fault, FaultyProxy};
pub use queues::{QueueMessage, Queues};
pub use running::{Gate, Running, Seen, away, done, reject, retry};
pub use scene::{Scene, config};
pub use wait::{eventually, never};
pub use wire::Wire;

/// An HTTP client for the tests.
pub fn http_client() -> reqwest::Client {
    // Another test in the process may have installed the same one before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

/// A name that no other test has.
fn unique() -> String {
    format!("t{:012x}", fastrand::u64(..1 << 48))
}
