//! An SQS endpoint inside the process, for `cargo run` and the tests: real HTTP, real SDK, no Docker.
//!
//! The queue itself is [`winterbaume_sqs`]; this crate puts it on a port and makes up for where it differs from SQS
//! ([`protocol`]). It keeps everything in memory: what is in it is gone when the process ends.

mod definitions;
mod protocol;

use std::net::SocketAddr;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use definitions::{QueueDefinition, definitions};
use protocol::Sqs;

/// The queues could not be created: their definitions are at fault.
#[derive(Debug)]
pub struct QueuesNotCreated(String);

impl std::fmt::Display for QueuesNotCreated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the queues could not be created from localstack/queues: {}", self.0)
    }
}

impl std::error::Error for QueuesNotCreated {}

/// A running endpoint.
pub struct EmbeddedQueue {
    address: SocketAddr,
    sqs: Sqs,
    stop: CancellationToken,
    server: JoinHandle<()>,
}

impl EmbeddedQueue {
    /// Serves SQS on `listener`, without any queues yet.
    pub fn start(listener: TcpListener) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let sqs = Sqs::new(stop.clone());
        let app = Router::new().fallback(protocol::answer).layer(DefaultBodyLimit::disable()).with_state(sqs.clone());
        let stopped = stop.clone();
        let server = tokio::spawn(async move {
            let serving = axum::serve(listener, app).with_graceful_shutdown(stopped.cancelled_owned());
            if let Err(error) = serving.await {
                tracing::error!(%error, "the embedded queue has failed");
            }
        });
        Ok(Self { address, sqs, stop, server })
    }

    /// Creates the project's queues.
    pub async fn create_queues(&self) -> Result<(), QueuesNotCreated> {
        for queue in definitions("").map_err(|error| QueuesNotCreated(error.to_string()))? {
            self.sqs.create_queue(&queue).await.map_err(|code| QueuesNotCreated(format!("{}: {code}", queue.name)))?;
        }
        Ok(())
    }

    /// What `AWS_ENDPOINT_URL` has to be.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers open long polls at once, as empty, so that those who wait for them can end. The endpoint goes on serving
    /// all other calls.
    pub fn end_long_polls(&self) {
        self.stop.cancel();
    }

    /// Ends the endpoint, and all queues with it.
    pub async fn stop(self) {
        self.stop.cancel();
        self.server.abort();
        // An aborted server has nothing to report.
        let _ = self.server.await;
    }
}
