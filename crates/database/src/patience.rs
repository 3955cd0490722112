//! The patient writer: writes whose rows somebody else has.
//!
//! A writer does not wait for such a row, and does not even try while it is known to be locked: its write comes here, is run
//! alone, and waits for the row for a second or two. Then its caller hears that the row is locked, and tries again in its
//! own time. The first write that gets through tells the writers that the row is free. Never on SQLite, where a lock is on
//! the whole database.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::inbox::Inbox;
use crate::session::{GROUP_TIMEOUT, Session};
use crate::set::AnySet;
use crate::{Key, WriteError};

/// How long a write is tried here before its caller hears that the row is locked.
const PATIENCE: Duration = Duration::from_millis(1500);
/// How long each of all that have gathered waits for its row, divided by their number: nobody waits long behind the others,
/// and each is tried twice.
const ROUND: Duration = Duration::from_millis(750);
/// Rows that are remembered as locked. Those that are forgotten are found locked once more.
const MAX_ROWS: usize = 1024;
/// Writes that are held; beyond that, they stay in the inbox.
const MAX_HELD: usize = 1024;

/// The way to the [`PatientWriter`]; cheap to clone.
#[derive(Clone)]
pub(crate) struct Patience {
    pub(crate) inbox: Arc<Inbox>,
    /// Rows that somebody else has, as far as is known.
    rows: Arc<Mutex<HashSet<Key>>>,
}

impl Patience {
    pub(crate) fn new() -> Self {
        Self { inbox: Arc::new(Inbox::new()), rows: Arc::default() }
    }

    /// Whether the row is known to be locked.
    pub(crate) fn is_locked(&self, row: Key) -> bool {
        self.rows().contains(&row)
    }

    /// Passes on a single write that has found its row locked.
    pub(crate) fn refer(&self, single: Box<dyn AnySet>, error: WriteError) {
        self.locked(single.key());
        if let Err(no_place) = self.inbox.push_set(single) {
            no_place.failed(error);
        }
    }

    fn locked(&self, row: Option<Key>) {
        let mut rows = self.rows();
        if rows.len() >= MAX_ROWS {
            rows.clear();
        }
        rows.extend(row);
    }

    fn rows(&self) -> MutexGuard<'_, HashSet<Key>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs alone what would hold up others.
pub(crate) struct PatientWriter {
    pub(crate) session: Session,
    pub(crate) patience: Patience,
}

/// A single write that is tried until then.
struct Held {
    single: Box<dyn AnySet>,
    until: Instant,
}

impl PatientWriter {
    /// Ends when the inbox is closed and empty.
    pub(crate) async fn run(mut self) {
        let mut held = VecDeque::new();
        loop {
            let taken = if held.is_empty() { self.patience.inbox.take().await } else { None };
            if held.len() < MAX_HELD {
                hold(taken.unwrap_or_else(|| self.patience.inbox.try_take()), &mut held);
            }
            let share = ROUND / u32::try_from(held.len().max(1)).unwrap_or(u32::MAX);
            let Some(Held { mut single, until }) = held.pop_front() else { break };
            match timeout(GROUP_TIMEOUT, self.run_alone(&mut single, share)).await.unwrap_or(Err(WriteError::TimedOut))
            {
                Err(error) if error.is_outage() => {
                    // The others need not find out one after the other that the database is away.
                    single.failed(error.clone());
                    held.drain(..).for_each(|held| held.single.failed(error.clone()));
                }
                Err(error) if error.is_locked() => {
                    self.patience.locked(single.key());
                    if Instant::now() < until {
                        held.push_back(Held { single, until });
                    } else {
                        single.failed(error);
                    }
                }
                outcome => {
                    let free = single.key();
                    self.patience.rows().retain(|row| Some(*row) != free);
                    match outcome {
                        Ok(()) => single.committed(),
                        Err(error) => single.failed(error),
                    }
                }
            }
        }
        self.session.close().await;
    }

    async fn run_alone(&mut self, single: &mut Box<dyn AnySet>, lock_timeout: Duration) -> Result<(), WriteError> {
        let mut connection = self.session.take().await?;
        connection.wait_for_locks(lock_timeout).await?;
        let outcome = single.run(&mut connection).await;
        if !outcome.as_ref().is_err_and(WriteError::is_outage) {
            self.session.keep(connection);
        }
        outcome
    }
}

fn hold(sets: Vec<Box<dyn AnySet>>, held: &mut VecDeque<Held>) {
    let until = Instant::now() + PATIENCE;
    let mut sets = VecDeque::from(sets);
    while let Some(mut set) = sets.pop_front() {
        if set.len() > 1 {
            let second = set.split();
            sets.push_front(second);
            sets.push_front(set);
        } else {
            held.push_back(Held { single: set, until });
        }
    }
}
