//! What waits for a writer: a set for each type of write.

use std::any::Any;
use std::sync::{Mutex, PoisonError};

use tokio::sync::{Notify, Semaphore};

use crate::set::{AnySet, Pending, Set};
use crate::{Write, WriteError};

/// Writes that may wait for a writer; beyond that, callers wait for a place.
const PLACES: usize = 1024;

/// The writes that wait for one writer.
pub(crate) struct Inbox {
    waiting: Mutex<Waiting>,
    places: Semaphore,
    changed: Notify,
}

#[derive(Default)]
struct Waiting {
    sets: Vec<Box<dyn AnySet>>,
    closed: bool,
}

impl Inbox {
    pub(crate) fn new() -> Self {
        Self { waiting: Mutex::default(), places: Semaphore::new(PLACES), changed: Notify::new() }
    }

    /// Adds a write, once there is a place for it.
    pub(crate) async fn push<W: Write>(&self, write: Pending<W>) -> Result<(), WriteError> {
        match self.places.try_acquire() {
            Ok(place) => place.forget(),
            Err(_) => self.places.acquire().await.map_err(|_| WriteError::Closed)?.forget(),
        }
        self.with(|waiting| {
            if waiting.closed {
                return Err(WriteError::Closed);
            }
            let mut sets = waiting.sets.iter_mut();
            match sets.find_map(|set| (&mut **set as &mut dyn Any).downcast_mut::<Set<W>>()) {
                Some(set) => set.push(write),
                None => {
                    let mut set = Set::new();
                    set.push(write);
                    waiting.sets.push(Box::new(set));
                }
            }
            Ok(())
        })?;
        self.changed.notify_one();
        Ok(())
    }

    /// Adds a set that comes from another writer; gives it back if there is no place.
    pub(crate) fn push_set(&self, set: Box<dyn AnySet>) -> Result<(), Box<dyn AnySet>> {
        match self.places.try_acquire_many(set.len() as u32) {
            Ok(places) => places.forget(),
            Err(_) => return Err(set),
        }
        self.with(|waiting| waiting.sets.push(set));
        self.changed.notify_one();
        Ok(())
    }

    /// Takes what has gathered, at most one set for each type; none once the inbox is closed and empty.
    pub(crate) async fn take(&self) -> Option<Vec<Box<dyn AnySet>>> {
        loop {
            let (taken, closed) = self.with(|waiting| (self.take_from(&mut waiting.sets), waiting.closed));
            if !taken.is_empty() {
                return Some(taken);
            }
            if closed {
                return None;
            }
            self.changed.notified().await;
        }
    }

    /// Takes what has gathered, if anything has.
    pub(crate) fn try_take(&self) -> Vec<Box<dyn AnySet>> {
        self.with(|waiting| self.take_from(&mut waiting.sets))
    }

    /// Refuses what comes from now on.
    pub(crate) fn close(&self) {
        self.with(|waiting| waiting.closed = true);
        self.places.close();
        self.changed.notify_one();
    }

    fn take_from(&self, sets: &mut Vec<Box<dyn AnySet>>) -> Vec<Box<dyn AnySet>> {
        let count = |sets: &[Box<dyn AnySet>]| sets.iter().map(|set| set.len()).sum::<usize>();
        let before = count(sets);
        let mut taken: Vec<_> = sets.iter_mut().map(|set| set.take()).collect();
        sets.retain(|set| set.len() > 0);
        self.places.add_permits(before - count(sets));
        taken.retain(|set| set.len() > 0);
        taken
    }

    fn with<T>(&self, change: impl FnOnce(&mut Waiting) -> T) -> T {
        change(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
