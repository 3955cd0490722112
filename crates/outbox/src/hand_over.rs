//! The hand-over: rows that this instance has committed, on their way to its relay without a look at the table.
//!
//! A message takes a [`Place`] before it is stored, if there is one left; its row is then inserted with the lease already
//! taken by this instance. A place is given back by being dropped, wherever its message ends: sent, dropped by the relay, or
//! never committed. So what is in memory is bounded, the batches under way included.
//!
//! There are places only while a relay is at work that is not stopping: what nobody would send has no lease to wait for.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::Claimed;

/// Rows in memory at most, those that are being sent included.
const MAX_ROWS: usize = 4096;
/// And their bytes.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Rows that wait for the relay, and how much room is left; cheap to clone.
#[derive(Clone)]
pub(crate) struct HandOver(Arc<Inner>);

struct Inner {
    /// Places in all.
    places: usize,
    line: Mutex<Line>,
    /// Something for the relay: a row, one that was left behind, or, at its end, a place given back.
    news: Notify,
}

#[derive(Default)]
struct Line {
    is_open: bool,
    /// A row has been committed without a place.
    left_behind: bool,
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
    /// One with room for so many rows, and no more than are reasonable.
    pub(crate) fn new(places: usize) -> Self {
        let (line, news) = Default::default();
        Self(Arc::new(Inner { places: places.min(MAX_ROWS), line, news }))
    }

    /// A place for a message of so many bytes, if there is room.
    pub(crate) fn reserve(&self, bytes: usize) -> Option<Place> {
        let mut line = self.line();
        if !line.is_open || line.rows >= self.0.places || line.bytes + bytes > MAX_BYTES {
            return None;
        }
        line.rows += 1;
        line.bytes += bytes;
        Some(Place { hand_over: self.clone(), bytes })
    }

    /// Passes on a row that is committed.
    pub(crate) fn push(&self, row: Claimed) {
        self.line().waiting.push_back(row);
        self.0.news.notify_one();
    }

    /// A row is committed that had no place: it is in the table only.
    pub(crate) fn leave_behind(&self) {
        self.line().left_behind = true;
        self.0.news.notify_one();
    }

    /// Takes all rows, in the order of their commits.
    pub(crate) fn take(&self) -> VecDeque<Claimed> {
        std::mem::take(&mut self.line().waiting)
    }

    /// Whether any row has been left behind since this was asked last.
    pub(crate) fn has_left_any_behind(&self) -> bool {
        std::mem::take(&mut self.line().left_behind)
    }

    /// Resolves after the next news.
    pub(crate) async fn news(&self) {
        self.0.news.notified().await;
    }

    /// From now on there are places, until what is returned is dropped: a relay is at work. What it has not taken by then is
    /// forgotten; the rows are free when their leases are over.
    pub(crate) fn open(&self) -> Open {
        self.line().is_open = true;
        Open(self.clone())
    }

    /// From now on there are no places any more; those that are taken stay.
    pub(crate) fn close(&self) {
        self.line().is_open = false;
    }

    /// How many places are taken.
    pub(crate) fn taken(&self) -> usize {
        self.line().rows
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.0.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// While this lives, a relay takes what is handed over.
pub(crate) struct Open(HandOver);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.close();
        // Not under the lock: each gives back its place.
        drop(self.0.take());
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut line = self.hand_over.line();
        line.rows -= 1;
        line.bytes -= self.bytes;
        if !line.is_open {
            self.hand_over.0.news.notify_one();
        }
    }
}
