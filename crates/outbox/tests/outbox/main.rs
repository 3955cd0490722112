//! The outbox and its relay on a real database and real queues over real HTTP, through a proxy that makes the queues fail and
//! remembers each call. Each test has its own queues, proxy and database.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail where it stands")]

mod batches;
mod hand_over;
mod not_sqs;
mod outage;
mod relay;
mod scene;
mod set_aside;
mod stop;
mod trouble;

pub(crate) use scene::OutboxScene;
pub(crate) use testbed::{Logs, Scene, config, done};
