//! A change to the database, of a kind of which many come at once.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::LazyLock;

use tokio::time::Instant;

use crate::Connection;

/// A change to the database. Those of one type that have gathered are made together, by one statement.
///
/// It may be run more than once before it commits, and it may commit though its caller was told of an outage, so it must
/// change nothing but the database and do no harm when it is asked for again.
pub trait Write: Send + Sync + Sized + 'static {
    /// What the caller gets after the commit.
    type Output: Send;

    /// Whether it touches so many rows that on SQLite, where a transaction holds whatever has gathered, it gets one of its
    /// own.
    const ALONE: bool = false;

    /// The row that other writes often want too; none: hardly anybody waits for what this write locks. Writes of one key go
    /// to one writer, and are never in one set.
    fn key(&self) -> Option<Key> {
        None
    }

    /// Makes all the changes of a set, and returns an output for each, in its order. With an error nothing of it stays.
    ///
    /// On PostgreSQL, where it is not in a transaction, it is one statement: once that has succeeded it is committed, and
    /// nothing after it may fail but reading a row that no version of this code has written. Its rows are locked in one
    /// order, that of an index, so that two sets never wait for each other.
    fn run(
        set: &[&Self],
        connection: &mut Connection,
    ) -> impl Future<Output = Result<Vec<Self::Output>, sqlx::Error>> + Send;

    /// Told once the change has been committed, whether or not its caller still waits; `begun`: when its statement was.
    /// Never told if the outcome is not known.
    fn committed(self, _output: &Self::Output, _begun: Instant) {}
}

/// A row that several writes may want; cheap to copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(u64);

impl Key {
    /// The key of the row with this name. Two names with one key merely keep out of each other's way.
    pub fn of(row: impl Hash) -> Self {
        static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        Self(HASHER.hash_one(row))
    }

    /// One of `writers`, always the same.
    pub(crate) fn writer(self, writers: usize) -> usize {
        (self.0 % writers as u64) as usize
    }
}
