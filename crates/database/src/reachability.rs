//! Whether the database answers, known without asking: each of the service's own calls that is answered tells it, and
//! where there are none for a while a ping does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::Database;

/// How often to look, and for how long to wait for the answer.
const LOOK: Duration = Duration::from_secs(1);
/// Without an answer for so long, it is out of reach.
const PATIENCE: Duration = Duration::from_secs(5);

/// When the database last answered.
#[derive(Clone, Debug)]
pub(crate) struct Reachability {
    opened: Instant,
    /// Since then.
    answered_milliseconds: Arc<AtomicU64>,
}

impl Reachability {
    /// Of a database that has just been opened.
    pub(crate) fn new() -> Self {
        Self { opened: Instant::now(), answered_milliseconds: Arc::default() }
    }

    /// Takes note of a call: only what was answered says something.
    pub(crate) fn observe<T, E>(&self, outcome: &Result<T, E>) {
        if outcome.is_ok() {
            self.answered_milliseconds.store(self.opened.elapsed().as_millis() as u64, Ordering::Relaxed);
        }
    }

    fn silent_for(&self) -> Duration {
        let answered = Duration::from_millis(self.answered_milliseconds.load(Ordering::Relaxed));
        self.opened.elapsed().saturating_sub(answered)
    }
}

impl Database {
    /// Whether it has answered lately. Asks nothing: as long as somebody keeps [watching](Self::watch), it is true within
    /// a second of its coming back and false within seconds of its going away, or of its freezing.
    pub fn is_reachable(&self) -> bool {
        self.reachability.silent_for() < PATIENCE
    }

    /// Takes note of the outcome of a read, so that it need not be asked as well.
    pub fn noted<T>(&self, outcome: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        self.reachability.observe(&outcome);
        outcome
    }

    /// Keeps [`is_reachable`](Self::is_reachable) true to what is, until told to stop; tells of each change once.
    pub async fn watch(&self, stop: CancellationToken) {
        let (mut looks, mut up) = (interval(LOOK), true);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = looks.tick() => {}
            }
            if self.reachability.silent_for() >= LOOK && !matches!(timeout(LOOK, self.ping()).await, Ok(Ok(()))) {
                tracing::debug!("the database does not answer");
            }
            match (std::mem::replace(&mut up, self.is_reachable()), up) {
                (false, true) => tracing::info!("database reachable"),
                (true, false) => tracing::error!("database out of reach, will keep trying"),
                _ => {}
            }
        }
    }

    /// Asks whether it answers.
    pub async fn ping(&self) -> Result<(), sqlx::Error> {
        self.noted(sqlx::query("SELECT 1").execute(&self.reads).await.map(drop))
    }
}
