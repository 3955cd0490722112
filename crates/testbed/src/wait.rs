//! Waiting for a condition, never for a time.

use std::time::{Duration, Instant};

/// Generous: a slow machine makes a test slow, not red.
const PATIENCE: Duration = Duration::from_secs(90);
const LOOK: Duration = Duration::from_millis(20);

/// Looks until there is something to return; panics with `what` if there never is.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(LOOK).await;
    }
}

/// Looks for as long as `during` takes; panics with `what` if there is anything to see.
pub async fn never<T>(what: &str, during: impl Future<Output = T>, mut look: impl AsyncFnMut() -> bool) -> T {
    let mut during = std::pin::pin!(during);
    loop {
        assert!(!look().await, "{what}");
        tokio::select! {
            biased;
            done = &mut during => return done,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}
