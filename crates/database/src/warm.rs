//! Connections that are open before there is anything to do. A server takes its time for each of them: it starts a process,
//! and checks a password with some thousand rounds of SHA-256 on both sides. That is not to be a first request's time.

use std::time::Duration;

use futures::future::join_all;
use tokio::time::sleep;

use crate::{Connection, Write};

/// How long all of them together may take. What is not open by then is opened when it is needed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// Until one that was refused is tried again.
const RETRY: Duration = Duration::from_millis(100);

/// Tries `open` side by side for each of `all`, and keeps what it gives until it has succeeded for each.
pub(crate) async fn each<T, O, E, F>(all: impl IntoIterator<Item = T>, open: impl Fn(T) -> F)
where
    T: Copy,
    F: Future<Output = Result<O, E>>,
{
    let until_open = async |one| loop {
        if let Ok(opened) = open(one).await {
            return opened;
        }
        sleep(RETRY).await;
    };
    drop(join_all(all.into_iter().map(until_open)).await);
}

/// What has a writer open its connection.
pub(crate) struct Nothing;

impl Write for Nothing {
    type Output = ();

    async fn run(set: &[&Self], _: &mut Connection) -> Result<Vec<()>, sqlx::Error> {
        Ok(vec![(); set.len()])
    }
}
