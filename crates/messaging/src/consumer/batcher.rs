//! Batch calls that are full without anybody waiting for them.
//!
//! A first entry goes at once. While calls are under way, a further one starts only with ten entries; when the last one
//! is back, what has gathered goes. So a lone entry has no delay, and under load every call carries ten.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

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
    entries: Mutex<Option<mpsc::Sender<Waiting<E>>>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl<E: Send + 'static> Batcher<E> {
    pub(super) fn new<F, C>(call: F) -> Self
    where
        F: Fn(Vec<E>) -> C + Send + 'static,
        C: Future<Output = Result<EntryResults<()>, QueueError>> + Send + 'static,
    {
        let (entries, waiting) = mpsc::channel(QUEUE);
        let task = tokio::spawn(run(waiting, call));
        Self { entries: Mutex::new(Some(entries)), task: Mutex::new(Some(task)) }
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

    /// Refuses new entries, flushes the waiting ones and awaits the calls under way.
    pub(super) async fn close(&self, limit: Duration) {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).take();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        match task.map(|task| timeout(limit, task)) {
            None => {}
            Some(task) => match task.await {
                Ok(Ok(())) => {}
                Ok(Err(panic)) => tracing::error!(error = %panic, "a batcher panicked"),
                Err(_) => tracing::error!("the last batch calls have not been answered"),
            },
        }
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
