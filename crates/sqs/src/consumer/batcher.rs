//! Batch calls that are full without anybody waiting for them.
//!
//! A first entry goes at once. While calls are under way, a further one starts only with ten entries; when the last one
//! is back, what has gathered goes. So a lone entry has no delay, and under load every call carries ten.

use std::sync::{Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::batch::MAX_ENTRIES;
use crate::queue::{EntryError, EntryResults, QueueError};

/// Calls under way at once.
const MAX_FLIGHTS: usize = 4;
/// Entries that may wait for a call; beyond that, callers wait for a place.
const QUEUE: usize = 1024;

/// Why an entry failed: by itself, or with its whole call.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum SettleError {
    #[error(transparent)]
    Entry(EntryError),
    #[error("{0}")]
    Call(String),
    #[error("the consumer has stopped")]
    Stopped,
}

type Waiting<E> = (E, oneshot::Sender<Result<(), SettleError>>);

/// Gathers entries of one kind of batch call.
pub(super) struct Batcher<E> {
    /// None once it is closed.
    entries: Mutex<Option<mpsc::Sender<Waiting<E>>>>,
    /// None once it runs.
    waiting: Mutex<Option<mpsc::Receiver<Waiting<E>>>>,
}

impl<E> Default for Batcher<E> {
    fn default() -> Self {
        let (entries, waiting) = mpsc::channel(QUEUE);
        Self { entries: Mutex::new(Some(entries)), waiting: Mutex::new(Some(waiting)) }
    }
}

impl<E: Send + 'static> Batcher<E> {
    /// Makes the calls until it is closed, then flushes the waiting entries and awaits the calls under way. To be run once.
    pub(super) fn run<F, C>(&self, call: F) -> impl Future<Output = ()> + Send + use<E, F, C>
    where
        F: Fn(Vec<E>) -> C + Send + Sync + 'static,
        C: Future<Output = Result<EntryResults<()>, QueueError>> + Send + 'static,
    {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        async move {
            if let Some(waiting) = waiting {
                run(waiting, call).await;
            }
        }
    }

    /// Has `entry` taken along by the next call, and returns what became of it.
    pub(super) async fn submit(&self, entry: E) -> Result<(), SettleError> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (answer, result) = oneshot::channel();
        let entries = entries.ok_or(SettleError::Stopped)?;
        entries.send((entry, answer)).await.map_err(|_| SettleError::Stopped)?;
        drop(entries);
        result.await.unwrap_or(Err(SettleError::Stopped))
    }

    /// Refuses new entries; what is waiting still goes.
    pub(super) fn close(&self) {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

async fn run<E, F, C>(mut entries: mpsc::Receiver<Waiting<E>>, call: F)
where
    F: Fn(Vec<E>) -> C,
    C: Future<Output = Result<EntryResults<()>, QueueError>> + Send + 'static,
{
    let mut waiting: Vec<Waiting<E>> = Vec::new();
    let mut flights = JoinSet::new();
    let mut open = true;
    while open || !waiting.is_empty() || !flights.is_empty() {
        if !waiting.is_empty() && flights.is_empty() && waiting.len() < MAX_ENTRIES {
            // Messages are often done in groups: let the rest of the group catch up, for as long as more of it comes.
            let mut before = 0;
            while waiting.len() > before && waiting.len() < MAX_ENTRIES {
                before = waiting.len();
                tokio::task::yield_now().await;
                while waiting.len() < MAX_ENTRIES
                    && let Ok(entry) = entries.try_recv()
                {
                    waiting.push(entry);
                }
            }
        }
        let full = waiting.len() >= MAX_ENTRIES;
        if !waiting.is_empty() && (flights.is_empty() || (full && flights.len() < MAX_FLIGHTS)) {
            let batch: Vec<Waiting<E>> = waiting.drain(..waiting.len().min(MAX_ENTRIES)).collect();
            let (batch, answers): (Vec<E>, Vec<_>) = batch.into_iter().unzip();
            let call = call(batch);
            flights.spawn(async move { answer(answers, call.await) });
            continue;
        }
        tokio::select! {
            entry = entries.recv(), if open && !full => match entry {
                Some(entry) => waiting.push(entry),
                None => open = false,
            },
            // A call that panicked has dropped its answers, and its callers know.
            Some(_) = flights.join_next() => {}
        }
    }
}

fn answer(answers: Vec<oneshot::Sender<Result<(), SettleError>>>, outcome: Result<EntryResults<()>, QueueError>) {
    match outcome {
        Ok(results) => {
            for (answer, result) in answers.into_iter().zip(results) {
                let _ = answer.send(result.map_err(SettleError::Entry));
            }
        }
        Err(error) => {
            let error = SettleError::Call(error.to_string());
            for answer in answers {
                let _ = answer.send(Err(error.clone()));
            }
        }
    }
}
