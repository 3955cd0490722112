//! The console as its page sees it: over HTTP, with the real services and queues behind it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail where it stands")]

mod actions;
mod listeners;
mod own;
mod scene;
mod truth;
