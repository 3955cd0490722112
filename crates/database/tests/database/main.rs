//! The database as a service uses it: a real SQLite file or PostgreSQL server, a fresh database for each test.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail where it stands")]

mod closing;
mod entries;
mod failures;
mod groups;
mod locked;
mod opening;
mod same_rows;

pub(crate) use entries::{Books, Entry, Trouble};
