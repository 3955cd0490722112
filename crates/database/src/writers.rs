//! Which writer a write goes to.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::inbox::Inbox;
use crate::metrics::Metrics;
use crate::patience::{Patience, PatientWriter};
use crate::session::Session;
use crate::set::{MAX_SET, Pending};
use crate::warm::{self, Nothing};
use crate::write_error::WRITE_TIMEOUT;
use crate::writer::Writer;
use crate::{DatabaseUrl, Key, Write, WriteError};

/// The writers of a database; cheap to clone.
#[derive(Clone)]
pub(crate) struct Writers {
    inboxes: Arc<[Arc<Inbox>]>,
    patience: Patience,
    tasks: Arc<Mutex<Tasks>>,
}

#[derive(Default)]
struct Tasks {
    writers: Vec<JoinHandle<()>>,
    /// Its work comes from the others, so it ends after them.
    patient: Option<JoinHandle<()>>,
}

impl Writers {
    pub(crate) fn start(url: &DatabaseUrl, writers: usize, metrics: &Metrics) -> Self {
        let patience = Patience::new();
        let inboxes: Arc<[_]> = (0..writers).map(|_| Arc::new(Inbox::new())).collect();
        let writer = |inbox: &Arc<Inbox>| {
            let (engine, session) = (url.engine(), Session::new(url.clone()));
            let (inbox, patience, metrics) = (inbox.clone(), patience.clone(), metrics.clone());
            tokio::spawn(Writer { engine, session, inbox, patience, metrics }.run())
        };
        let patient = PatientWriter { session: Session::new(url.clone()), patience: patience.clone() };
        let tasks = Tasks { writers: inboxes.iter().map(writer).collect(), patient: Some(tokio::spawn(patient.run())) };
        Self { inboxes, patience, tasks: Arc::new(Mutex::new(tasks)) }
    }

    pub(crate) async fn write<W: Write>(&self, write: W) -> Result<W::Output, WriteError> {
        write_through(self.inbox_of(write.key()), write).await
    }

    /// Resolves once every writer has its connection. The patient one has its own when it is needed.
    pub(crate) async fn open_all(&self) {
        warm::each(self.inboxes.iter(), |inbox| write_through(inbox, Nothing)).await;
    }

    fn inbox_of(&self, key: Option<Key>) -> &Inbox {
        match key {
            Some(key) if self.patience.is_locked(key) => &self.patience.inbox,
            Some(key) => &self.inboxes[key.writer(self.inboxes.len())],
            // Few large sets cost less than many small ones.
            None => self.inboxes.iter().find(|inbox| inbox.waiting() < MAX_SET).unwrap_or(&self.inboxes[0]),
        }
    }

    pub(crate) async fn stop(&self) {
        self.inboxes.iter().for_each(|inbox| inbox.close());
        let Tasks { writers, patient } =
            std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        ended(writers).await;
        self.patience.inbox.close();
        ended(patient).await;
    }
}

async fn write_through<W: Write>(inbox: &Inbox, write: W) -> Result<W::Output, WriteError> {
    let (key, due) = (write.key(), Instant::now() + WRITE_TIMEOUT);
    let (caller, answer) = oneshot::channel();
    let answered = timeout_at(due, async {
        inbox.push(Pending { write, key, due, caller }).await?;
        answer.await.map_err(|_| WriteError::Closed)?
    });
    answered.await.unwrap_or(Err(WriteError::TimedOut))
}

async fn ended(tasks: impl IntoIterator<Item = JoinHandle<()>>) {
    for task in tasks {
        if let Err(panic) = task.await {
            tracing::error!(error = %panic, "a database writer panicked");
        }
    }
}
