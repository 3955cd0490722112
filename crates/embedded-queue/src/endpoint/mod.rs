//! SQS on a port.

mod clock;
mod http;
mod server;
mod shared;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::core::{Call, Change, Core, QueueName, Rules, Unkindness};
use crate::definitions::{QueueDefinition, definitions};
use shared::Shared;

/// The region of the queues that are created from definitions, as their ARNs have it.
const REGION: &str = "us-east-1";

/// The queues could not be created: their definitions are at fault.
#[derive(Debug)]
pub struct QueuesNotCreated(pub(crate) String);

impl std::fmt::Display for QueuesNotCreated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the queues could not be created: {}", self.0)
    }
}

impl std::error::Error for QueuesNotCreated {}

/// How an endpoint behaves.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// What can be set of SQS's rules.
    pub rules: Rules,
    /// What SQS may do and rarely does; unset, it never happens.
    pub unkindness: Option<Unkindness>,
}

impl Settings {
    /// For tests and for a system in one process: a queue's name can be used again at once, and purges follow each other.
    pub fn impatient() -> Self {
        Self { rules: Rules { sixty_seconds: false, ..Rules::default() }, unkindness: None }
    }
}

/// A running endpoint. It ends when it is dropped.
#[derive(Debug)]
pub struct EmbeddedQueue {
    address: SocketAddr,
    controls: Controls,
    stop: DropGuard,
    server: JoinHandle<()>,
}

/// What can be done to an endpoint from outside of its protocol.
#[derive(Clone, Debug)]
pub struct Controls(Arc<Shared>);

impl EmbeddedQueue {
    /// Serves SQS on `listener`, without any queues yet, and [impatient](Settings::impatient).
    pub fn start(listener: TcpListener) -> std::io::Result<Self> {
        Self::start_with(listener, Settings::impatient())
    }

    /// Serves SQS on `listener`, without any queues yet.
    pub fn start_with(listener: TcpListener, settings: Settings) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let mut core = Core::new(settings.rules, fastrand::u64(..));
        core.set_unkindness(settings.unkindness);
        let shared = Arc::new(Shared::new(core));
        let server = tokio::spawn(server::serve(listener, address, shared.clone(), stop.clone()));
        Ok(Self { address, controls: Controls(shared), stop: stop.drop_guard(), server })
    }

    /// Creates the project's queues.
    pub async fn create_queues(&self) -> Result<(), QueuesNotCreated> {
        self.create(definitions("").map_err(|error| QueuesNotCreated(error.to_string()))?)
    }

    /// Creates queues in their order, in the region `us-east-1`.
    pub fn create(&self, queues: Vec<QueueDefinition>) -> Result<(), QueuesNotCreated> {
        for QueueDefinition { name, attributes } in queues {
            let create = || {
                let attributes = attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()));
                let queue = QueueName::parse(&REGION.into(), &name)?;
                let attributes = Change::parse_all(attributes)?;
                self.controls.0.call_now(Call::CreateQueue { queue, attributes, tags: Default::default() })
            };
            create().map_err(|error| QueuesNotCreated(format!("{name}: {error}")))?;
        }
        Ok(())
    }

    /// What `AWS_ENDPOINT_URL` has to be.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What can be done to the endpoint while it runs.
    pub fn controls(&self) -> &Controls {
        &self.controls
    }

    /// Answers open long polls at once, as empty, so that those who wait for them can end. The endpoint goes on serving
    /// all other calls.
    pub fn end_long_polls(&self) {
        self.controls.0.end_long_polls();
    }

    /// Ends the endpoint, and all queues with it. What is being answered is answered; long polls, as empty.
    pub async fn stop(self) {
        self.end_long_polls();
        drop(self.stop);
        if let Err(error) = self.server.await {
            tracing::error!(%error, "the embedded queue has failed");
        }
    }
}

impl Controls {
    /// Takes the queue away: nobody is answered, open long polls included, and connections end. Its messages stay, and
    /// their time goes on.
    pub fn take_away(&self) {
        self.0.set_away(true);
    }

    /// Gives the queue back.
    pub fn give_back(&self) {
        self.0.set_away(false);
    }

    /// Whether the queue is away.
    pub fn is_away(&self) -> bool {
        self.0.is_away()
    }

    /// Begins, or ends, to be unkind.
    pub fn set_unkindness(&self, unkindness: Option<Unkindness>) {
        self.0.set_unkindness(unkindness);
    }
}
