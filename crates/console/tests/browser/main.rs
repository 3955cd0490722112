//! The page in a real Chromium, on the whole system.
//!
//! Ignored by `cargo test`, because it needs Chromium and its driver; `.ci/run` runs it where they are:
//! `cargo test -p console --test browser -- --ignored`. `AXE` names the file of axe-core.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail where it stands")]

mod accessibility;
mod away;
mod browser;
mod dead_letters;
mod lost;
mod orders;
mod scene;
