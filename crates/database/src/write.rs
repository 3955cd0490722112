//! A change to the database, and its way to a writer and back.

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::AnyConnection;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::WriteError;

/// A change to the database, run inside a transaction that it shares with others.
///
/// It may run more than once before it commits, and it may commit though its caller was told of an outage, so it must
/// change nothing but the database and do no harm when it is asked for again.
pub trait Write: Send + Sync + 'static {
    /// What the caller gets after the commit.
    type Output: Send;

    /// The row that other writes may want at the same time, by a name that all of them use; none: nobody waits for what
    /// this write locks.
    fn contended_row(&self) -> Option<String> {
        None
    }

    /// Whether it is to have a transaction of its own, because it touches so many rows that it would keep others waiting.
    fn alone(&self) -> bool {
        false
    }

    /// Makes the change. With an error nothing of it stays.
    ///
    /// A statement's error must be passed on: on PostgreSQL no further statement is taken after it.
    fn run(&self, transaction: &mut AnyConnection) -> impl Future<Output = Result<Self::Output, sqlx::Error>> + Send;
}

/// A write with the way back to its caller, its type forgotten.
pub(crate) trait Job: Send {
    /// See [`Write::contended_row`].
    fn contended_row(&self) -> Option<&str>;
    /// See [`Write::alone`].
    fn alone(&self) -> bool;
    /// When its caller gives up.
    fn due(&self) -> Instant;
    fn run<'a>(&'a mut self, transaction: &'a mut AnyConnection) -> BoxFuture<'a, Result<(), WriteError>>;
    fn answer(self: Box<Self>, result: Result<(), WriteError>);
}

pub(crate) struct Pending<W: Write> {
    write: W,
    contended_row: Option<String>,
    due: Instant,
    output: Option<W::Output>,
    caller: oneshot::Sender<Result<W::Output, WriteError>>,
}

impl<W: Write> Pending<W> {
    pub(crate) fn new(write: W, due: Instant) -> (Self, oneshot::Receiver<Result<W::Output, WriteError>>) {
        let (caller, answer) = oneshot::channel();
        let contended_row = write.contended_row();
        (Self { write, contended_row, due, output: None, caller }, answer)
    }
}

impl<W: Write> Job for Pending<W> {
    fn contended_row(&self) -> Option<&str> {
        self.contended_row.as_deref()
    }

    fn alone(&self) -> bool {
        self.write.alone()
    }

    fn due(&self) -> Instant {
        self.due
    }

    fn run<'a>(&'a mut self, transaction: &'a mut AnyConnection) -> BoxFuture<'a, Result<(), WriteError>> {
        Box::pin(async move {
            // A panic is to fail this write, not to end the writer that all others wait for.
            let run = AssertUnwindSafe(self.write.run(transaction)).catch_unwind();
            self.output = Some(run.await.map_err(|_| WriteError::Panicked)??);
            Ok(())
        })
    }

    fn answer(self: Box<Self>, result: Result<(), WriteError>) {
        let Self { output, caller, .. } = *self;
        // A caller that has gone away does not undo its write.
        let _ = caller.send(result.and_then(|()| output.ok_or(WriteError::Closed)));
    }
}
