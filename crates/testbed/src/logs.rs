//! What a test has logged. The tests' runtimes have one thread each, so its log is that thread's.

use std::io::{Result, Write};
use std::sync::{Arc, LazyLock, Mutex};

use tracing::Dispatch;
use tracing::subscriber::{DefaultGuard, NoSubscriber, set_default};

/// With a single subscriber, tracing asks only the thread that comes first to a line whether anybody listens, and keeps its
/// answer for all threads.
static ANOTHER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));

/// The log of this test, for as long as this lives.
pub struct Logs {
    lines: Lines,
    _guard: DefaultGuard,
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Logs {
    /// Captures from now on.
    pub fn capture() -> Self {
        LazyLock::force(&ANOTHER);
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        Self { lines, _guard: set_default(subscriber) }
    }

    /// How many lines contain `text`.
    pub fn count(&self, text: &str) -> usize {
        self.count_all(&[text])
    }

    /// How many lines contain all of these.
    pub fn count_all(&self, parts: &[&str]) -> usize {
        let bytes = self.lines.0.lock().unwrap();
        String::from_utf8_lossy(&bytes).lines().filter(|line| parts.iter().all(|part| line.contains(part))).count()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}
