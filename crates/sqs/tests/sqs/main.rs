//! SQS as a service uses it: real queues over real HTTP, through a proxy that makes them fail and remembers each
//! call. Each test has its own queues and proxy.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail where it stands")]

mod attributes;
mod backlog;
mod dead_letters;
mod deletes;
mod fifo;
mod held;
mod idle;
mod leases;
mod liveness;
mod lost_leases;
mod lost_receive;
mod outage;
mod partial;
mod parts;
mod poison;
mod retries;
mod slots;
mod stopping;

pub(crate) use testbed::{Gate, Logs, Running, Scene, away, config, done, reject, retry};
