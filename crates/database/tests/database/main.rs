//! The database as a service uses it: a real SQLite file or PostgreSQL server, a fresh database for each test.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail where it stands")]

mod alone;
mod closing;
mod entries;
mod failures;
mod groups;
mod held_rows;
mod limits;
mod locked;
mod lost;
mod opening;
mod same_rows;
mod touch;

pub(crate) use entries::{Books, Entry, Trouble};
pub(crate) use testbed::Wire;
pub(crate) use touch::Touch;
