//! The hand-over: rows that this instance has committed, on their way to its relay without a look at the table.
//!
//! A message takes a [`Place`] before it is stored, if there is one left; its row is then inserted with the lease already
//! taken by this instance. A place is given back by being dropped, wherever its message ends: sent, dropped by the relay, or
//! never committed. So what is in memory is bounded, the batches under way included.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::Claimed;

/// Rows in memory, those that are being sent included.
const MAX_ROWS: usize = 4096;
/// And their bytes.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Rows that wait for the relay, and how much room is left; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct HandOver(Arc<Mutex<Line>>);

#[derive(Default)]
struct Line {
    waiting: VecDeque<Claimed>,
    /// Places taken.
    rows: usize,
    /// By messages of so many bytes together.
    bytes: usize,
}

/// Room for one message; given back when it is dropped.
pub(crate) struct Place {
    hand_over: HandOver,
    bytes: usize,
}

impl HandOver {
    /// A place for a message of so many bytes, if there is room.
    pub(crate) fn reserve(&self, bytes: usize) -> Option<Place> {
        let mut line = self.line();
        if line.rows >= MAX_ROWS || line.bytes + bytes > MAX_BYTES {
            return None;
        }
        line.rows += 1;
        line.bytes += bytes;
        Some(Place { hand_over: self.clone(), bytes })
    }

    /// Passes on a row that is committed.
    pub(crate) fn push(&self, row: Claimed) {
        self.line().waiting.push_back(row);
    }

    /// Takes at most so many rows, in the order of their commits.
    pub(crate) fn take(&self, limit: usize) -> Vec<Claimed> {
        let mut line = self.line();
        let taken = limit.min(line.waiting.len());
        line.waiting.drain(..taken).collect()
    }

    /// How many rows wait.
    pub(crate) fn waiting(&self) -> usize {
        self.line().waiting.len()
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut line = self.hand_over.line();
        line.rows -= 1;
        line.bytes -= self.bytes;
    }
}
