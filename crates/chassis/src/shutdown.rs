//! Being told to stop, and having stopped in time.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::Configuration;

/// The exit code of a process ended by Ctrl-C.
const EXIT_INTERRUPTED: i32 = 130;
/// What is left after the time-out for what has to come last: the relay's last batches, the database's last commit. With
/// the [last traces](crate::telemetry), the process has ended 5 s after the time-out.
const LAST: Duration = Duration::from_secs(4);

/// How a service stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopping {
    /// `SHUTDOWN_DELAY_SECONDS`: for so long it still takes requests, although it is no longer ready: load balancers need
    /// that time to notice.
    pub delay: Duration,
    /// `SHUTDOWN_TIMEOUT_SECONDS`: for so long after that, what is under way may finish.
    pub timeout: Duration,
}

impl Stopping {
    /// Reads `SHUTDOWN_DELAY_SECONDS` and `SHUTDOWN_TIMEOUT_SECONDS`.
    pub fn read(configuration: &mut Configuration) -> Self {
        Self {
            delay: configuration.seconds("SHUTDOWN_DELAY_SECONDS", 0, 0..=300),
            timeout: configuration.seconds("SHUTDOWN_TIMEOUT_SECONDS", 30, 1..=3600),
        }
    }

    /// Resolves after `stop` when all that is under way has had its time: what the relay has not sent by then is left to
    /// others, and given back in what is left until the [end](Self::end).
    pub async fn last_call(self, stop: CancellationToken) {
        stop.cancelled().await;
        sleep(self.delay + self.timeout + LAST / 4).await;
    }

    /// When every part of a service that is told to stop now has ended.
    pub fn end(&self) -> Instant {
        Instant::now() + self.delay + self.timeout + LAST
    }
}

/// Cancelled by SIGTERM or SIGINT. A second signal ends the process at once: nothing is lost by that either, but what was
/// under way is only taken up again after its visibility timeout.
pub fn on_signal() -> std::io::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let told = stop.clone();
    // It has nothing to finish, so nobody awaits it: it ends with the process.
    tokio::spawn(async move {
        either(&mut terminate, &mut interrupt).await;
        told.cancel();
        either(&mut terminate, &mut interrupt).await;
        std::process::exit(EXIT_INTERRUPTED);
    });
    Ok(stop)
}

/// Runs a part of a service that is not meant to end before it is told to: when it ends, whyever, `stop` is cancelled, so
/// that the service ends as a whole and is started again, instead of going on without it.
pub async fn with_all<T>(stop: CancellationToken, part: impl Future<Output = T>) -> T {
    let _all = stop.drop_guard();
    part.await
}

/// Awaits a part of a service until `end`, and then cuts it off: what it leaves behind is in the queue or in the outbox,
/// and comes again. None: it has been cut off. An error: it has panicked.
pub async fn by<T>(end: Instant, part: &'static str, mut task: JoinHandle<T>) -> Result<Option<T>, JoinError> {
    match timeout_at(end, &mut task).await {
        Ok(ended) => ended.map(Some),
        Err(_) => {
            tracing::warn!(part, "not finished in time, cut off");
            task.abort();
            Ok(None)
        }
    }
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_part_that_does_not_end_is_cut_off_and_one_that_has_ended_is_heard() {
        let stopping = Stopping { delay: Duration::from_secs(10), timeout: Duration::from_secs(30) };
        let (begun, end) = (Instant::now(), stopping.end());
        let part = tokio::spawn(std::future::pending::<()>());
        let cut_off = part.abort_handle();
        assert_eq!(by(end, "part", part).await.unwrap(), None);
        assert!(begun.elapsed() < Duration::from_secs(10 + 30 + 5));
        tokio::task::yield_now().await;
        assert!(cut_off.is_finished());

        let end = stopping.end();
        assert_eq!(by(end, "part", tokio::spawn(async { 7 })).await.unwrap(), Some(7));
        assert!(by(end, "part", tokio::spawn(async { panic!("on purpose") })).await.unwrap_err().is_panic());
    }
}
