//! Batch calls that settle messages: each entry waits for its answer in the task of its own message, and shares a call with
//! whatever else [gathers](crate::gathering) meanwhile.

use std::sync::{Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::error::{EntryError, EntryResults, QueueError};
use crate::gathering::Gathering;

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
    bytes: fn(&E) -> usize,
    max_calls: usize,
}

impl<E: Send + 'static> Batcher<E> {
    /// One that is not running yet, with so many calls under way at once; `bytes` is what SQS counts of an entry.
    pub(super) fn new(max_calls: usize, bytes: fn(&E) -> usize) -> Self {
        let (entries, waiting) = mpsc::channel(QUEUE);
        Self { entries: Mutex::new(Some(entries)), waiting: Mutex::new(Some(waiting)), bytes, max_calls }
    }

    /// Makes the calls until it is closed, then flushes the waiting entries and awaits the calls under way. To be run once.
    pub(super) fn run<F, C>(&self, call: F) -> impl Future<Output = ()> + Send + use<E, F, C>
    where
        F: Fn(Vec<E>) -> C + Send + Sync + 'static,
        C: Future<Output = Result<EntryResults<()>, QueueError>> + Send + 'static,
    {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (bytes, max_calls) = (self.bytes, self.max_calls);
        async move {
            if let Some(waiting) = waiting {
                run(waiting, bytes, max_calls, call).await;
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

async fn run<E, F, C>(mut entries: mpsc::Receiver<Waiting<E>>, bytes: fn(&E) -> usize, max_calls: usize, call: F)
where
    F: Fn(Vec<E>) -> C,
    C: Future<Output = Result<EntryResults<()>, QueueError>> + Send + 'static,
{
    let gather = |gathering: &mut Gathering<Waiting<E>>, entry: Waiting<E>| {
        let bytes = bytes(&entry.0);
        gathering.push(entry, bytes);
    };
    let mut gathering = Gathering::default();
    let mut flights = JoinSet::new();
    let mut open = true;
    loop {
        let mut before = 0;
        while gathering.waiting() > before && !gathering.is_full() {
            before = gathering.waiting();
            if gathering.under_way() == 0 {
                // Messages are often done in groups: let the rest of the group catch up, for as long as more of it comes.
                tokio::task::yield_now().await;
            }
            while !gathering.is_full()
                && let Ok(entry) = entries.try_recv()
            {
                gather(&mut gathering, entry);
            }
        }
        while let Some(batch) = gathering.begin(max_calls) {
            let (batch, answers): (Vec<E>, Vec<_>) = batch.into_iter().unzip();
            let call = call(batch);
            flights.spawn(async move { answer(answers, call.await) });
        }
        tokio::select! {
            entry = entries.recv(), if open && !gathering.is_full() => match entry {
                Some(entry) => gather(&mut gathering, entry),
                None => open = false,
            },
            // A call that panicked has dropped its answers, and its callers know.
            Some(_) = flights.join_next() => gathering.ended(),
            else => return,
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
