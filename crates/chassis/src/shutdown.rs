//! Being told to stop.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// The exit code of a process ended by Ctrl-C.
const EXIT_INTERRUPTED: i32 = 130;

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

/// How long after `SHUTDOWN_TIMEOUT_SECONDS` a service's last step may begin: a process ends five seconds after it, and
/// what is left has to be given back within that.
pub const LAST_STEP: Duration = Duration::from_secs(1);

/// Resolves so long after `stop`.
pub async fn after(stop: CancellationToken, grace: Duration) {
    stop.cancelled().await;
    sleep(grace).await;
}

/// Runs a part of a service that is not meant to end before it is told to: when it ends, whyever, `stop` is cancelled, so
/// that the service ends as a whole and is started again, instead of going on without it.
pub async fn with_all<T>(stop: CancellationToken, part: impl Future<Output = T>) -> T {
    let _all = stop.drop_guard();
    part.await
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
