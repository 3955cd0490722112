//! Writes of one type, and their way to a writer and back.

use std::any::Any;
use std::collections::HashSet;
use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::{Connection, Key, Write, WriteError};

/// Enough for the flush to cost next to nothing per write, few enough that the first one is not kept waiting.
const MAX_SET: usize = 128;

/// A write, and who waits for its output.
pub(crate) struct Pending<W: Write> {
    pub(crate) write: W,
    pub(crate) key: Option<Key>,
    /// When its caller gives up.
    pub(crate) due: Instant,
    pub(crate) caller: oneshot::Sender<Result<W::Output, WriteError>>,
}

/// Writes of one type, in the order of their coming.
pub(crate) struct Set<W: Write> {
    writes: Vec<Pending<W>>,
    /// Of the run that is not committed yet.
    outputs: Vec<W::Output>,
    begun: Instant,
}

/// A set, its type forgotten.
pub(crate) trait AnySet: Any + Send {
    fn len(&self) -> usize;
    /// See [`Write::ALONE`].
    fn alone(&self) -> bool;
    /// The key of the first.
    fn key(&self) -> Option<Key>;
    /// Takes those that may be in one statement, and leaves the rest. One that has waited for so long that its caller has
    /// been told of an outage is not run any more.
    fn take(&mut self) -> Box<dyn AnySet>;
    /// Keeps the first half and returns the second.
    fn split(&mut self) -> Box<dyn AnySet>;
    fn run<'a>(&'a mut self, connection: &'a mut Connection) -> BoxFuture<'a, Result<(), WriteError>>;
    /// The last run is committed: answers each.
    fn committed(self: Box<Self>);
    fn failed(self: Box<Self>, error: WriteError);
}

impl<W: Write> Set<W> {
    pub(crate) fn new() -> Self {
        Self::of(Vec::new())
    }

    fn of(writes: Vec<Pending<W>>) -> Self {
        Self { writes, outputs: Vec::new(), begun: Instant::now() }
    }

    pub(crate) fn push(&mut self, write: Pending<W>) {
        self.writes.push(write);
    }
}

impl<W: Write> AnySet for Set<W> {
    fn len(&self) -> usize {
        self.writes.len()
    }

    fn alone(&self) -> bool {
        W::ALONE
    }

    fn key(&self) -> Option<Key> {
        self.writes.first().and_then(|pending| pending.key)
    }

    fn take(&mut self) -> Box<dyn AnySet> {
        let (now, mut keys) = (Instant::now(), HashSet::new());
        let (mut taken, mut left) = (Vec::new(), Vec::new());
        for pending in self.writes.drain(..) {
            if pending.due <= now {
                let _ = pending.caller.send(Err(WriteError::TimedOut));
            } else if taken.len() < MAX_SET && pending.key.is_none_or(|key| keys.insert(key)) {
                taken.push(pending);
            } else {
                left.push(pending);
            }
        }
        self.writes = left;
        Box::new(Self::of(taken))
    }

    fn split(&mut self) -> Box<dyn AnySet> {
        Box::new(Self::of(self.writes.split_off(self.writes.len().div_ceil(2))))
    }

    fn run<'a>(&'a mut self, connection: &'a mut Connection) -> BoxFuture<'a, Result<(), WriteError>> {
        Box::pin(async move {
            self.begun = Instant::now();
            let set: Vec<&W> = self.writes.iter().map(|pending| &pending.write).collect();
            // A panic is to fail this set, not to end the writer that all others wait for.
            let run = AssertUnwindSafe(W::run(&set, connection)).catch_unwind();
            self.outputs = run.await.map_err(|_| WriteError::Panicked)??;
            Ok(())
        })
    }

    fn committed(self: Box<Self>) {
        let Self { writes, outputs, begun } = *self;
        for (Pending { write, caller, .. }, output) in writes.into_iter().zip(outputs) {
            write.committed(&output, begun);
            // A caller that has gone away does not undo its write.
            let _ = caller.send(Ok(output));
        }
    }

    fn failed(self: Box<Self>, error: WriteError) {
        for pending in self.writes {
            let _ = pending.caller.send(Err(error.clone()));
        }
    }
}
