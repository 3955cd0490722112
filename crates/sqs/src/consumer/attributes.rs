//! What a queue's attributes say is looked at again: they may be changed while it is consumed.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::queue::Queue;

/// However often answers contradict what is known, no more than one look in so long.
const SPACING: Duration = Duration::from_secs(5);

/// Looks at the attributes of `queue` so often, and at once when an answer contradicts what is known of them.
pub(super) async fn keep_known(queue: Queue, every: Duration, stop: CancellationToken) {
    let looking = async {
        loop {
            tokio::select! {
                () = sleep(every) => {}
                () = queue.until_contradicted() => {}
            }
            match queue.refresh().await {
                Ok(()) => sleep(SPACING).await,
                // The queue itself tells when it goes out of reach.
                Err(error) => tracing::debug!(queue = queue.name(), %error, "the attributes stay as they were known"),
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = looking => {}
    }
}
