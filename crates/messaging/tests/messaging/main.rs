//! Messaging as a service uses it: real queues over real HTTP, through a proxy that makes them fail and remembers each
//! call. Each test has its own queues, proxy and database.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail where it stands")]

mod attributes;
mod backlog;
mod dead_letters;
mod deletes;
mod held;
mod idle;
mod leases;
mod liveness;
mod logs;
mod lost_leases;
mod lost_receive;
mod not_sqs;
mod outage;
mod outbox_batches;
mod outbox_outage;
mod outbox_relay;
mod outbox_scene;
mod outbox_set_aside;
mod outbox_stop;
mod outbox_trouble;
mod partial;
mod poison;
mod retries;
mod running;
mod scene;
mod slots;
mod stopping;

pub(crate) use logs::Logs;
pub(crate) use outbox_scene::OutboxScene;
pub(crate) use running::{Gate, Running, away, done, reject, retry};
pub(crate) use scene::{Scene, config};
