//! The payment service as a whole: real queues over real HTTP, a real database, a provider behind real HTTP.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail where it stands")]

mod cancelling;
mod charging;
mod configuration;
mod dead_letters;
mod dlq;
mod held_rows;
mod newer_version;
mod once;
mod operations;
mod outage;
mod outbox;
mod process;
mod provider;
mod provider_away;
mod refunds;
mod rejected_answers;
mod scene;
mod sets;
mod stopping;
mod story;
mod worker;
mod workers;

pub(crate) use scene::Scene;
pub(crate) use worker::Worker;
