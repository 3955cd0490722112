//! The queue, both services and the console, started in their order and stopped in the reverse one.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chassis::Configuration;
use chassis::http::BindError;
use console::{Console, InProcess, Journal};
use embedded_queue::{EmbeddedQueue, Unkindness};
use order_service::OrderService;
use payment_service::provider::Presence;
use sqs::{Queue, client};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::switches::switches;
use crate::worker::Worker;

/// What one process decides by itself: it has two databases, two admin ports and a queue of its own.
pub const DECIDED: [&str; 7] = [
    "DATABASE_URL",
    "ADMIN_PORT",
    "ORDERS_QUEUE",
    "PAYMENTS_QUEUE",
    "ORDER_SERVICE_URL",
    "ORDER_SERVICE_ADMIN_URLS",
    "PAYMENT_SERVICE_ADMIN_URLS",
];
/// LocalStack's port, so that the same `aws --endpoint-url` works on both.
const QUEUE_PORT: u16 = 4566;

/// What can be set.
#[derive(Clone, Debug)]
pub struct SystemSettings {
    orders: order_service::Settings,
    payments: payment_service::Settings,
    console: console::Settings,
    /// What the services log, for the console.
    journal: Option<Journal>,
    unkindness: Option<Unkindness>,
}

impl SystemSettings {
    /// The services' own settings, but for what one process decides by itself: addresses, admin ports, databases. And
    /// how unkind the queue is.
    pub fn read(configuration: &mut Configuration) -> Self {
        let mut settings = Self {
            orders: order_service::Settings::read(configuration),
            payments: payment_service::Settings::read(configuration),
            console: console::Settings::read(configuration),
            journal: None,
            unkindness: configuration.read("EMBEDDED_QUEUE_UNKIND", None, |value| value.parse().map(Some)),
        };
        (settings.orders.address, settings.payments.address) = (Ipv4Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into());
        (settings.orders.admin_port, settings.payments.admin_port) = (3011, 3012);
        settings
    }

    /// Has free ports chosen for everything.
    pub fn on_free_ports(mut self) -> Self {
        (self.orders.port, self.orders.admin_port, self.payments.admin_port) = (0, 0, 0);
        self.console.port = 0;
        self
    }

    /// Has the console tell an order's story by what the services log.
    pub fn with_journal(mut self, journal: Journal) -> Self {
        self.journal = Some(journal);
        self
    }

    /// Sets the visibility timeout unless it has been set already.
    pub fn with_default_visibility_timeout(mut self, timeout: Duration) -> Self {
        self.payments.consumer.visibility_timeout.get_or_insert(timeout);
        self
    }
}

/// The running system.
pub struct System {
    /// Where the console is.
    pub console: SocketAddr,
    /// Where the API is.
    pub api: SocketAddr,
    /// Where the order service's health and metrics are.
    pub orders_admin: SocketAddr,
    /// Where the payment service's health and metrics are.
    pub payments_admin: SocketAddr,
    /// The SQS endpoint.
    pub queue_url: String,
    /// Takes the simulated payment provider away and gives it back; none: there is a real one.
    pub simulated_provider: Option<Presence>,
    /// The dead-letter queue of orders.
    pub dead_letters: Queue,
    queue: EmbeddedQueue,
    stop: CancellationToken,
    worker: Arc<Worker>,
    services: [JoinHandle<anyhow::Result<()>>; 2],
}

impl System {
    /// Starts everything, with the databases in `directory`.
    pub async fn start(mut settings: SystemSettings, directory: &Path) -> anyhow::Result<Self> {
        let queue = EmbeddedQueue::start(listen_at_or_near(QUEUE_PORT).await?)?;
        queue.controls().set_unkindness(settings.unkindness);
        let queue_url = queue.url();
        let sqs = client::for_endpoint(&queue_url).await;
        queue.create_queues().await?;
        settings.orders.database_url = sqlite(directory.join("orders.db"))?;
        settings.payments.database_url = sqlite(directory.join("payments.db"))?;

        let dead_letters = Queue::new(sqs.clone(), "orders-dlq");
        let simulated = settings.payments.provider_url.is_none();
        let simulated_provider = simulated.then(|| settings.payments.simulator_presence.clone());
        let stop = CancellationToken::new();
        let payments = near("ADMIN_PORT", settings.payments.admin_port, async |admin_port| {
            let settings = payment_service::Settings { admin_port, ..settings.payments.clone() };
            Worker::start(settings, &queue_url, stop.clone()).await
        });
        let (worker, payments_admin) = payments.await?;
        let worker = Arc::new(worker);
        let orders = near("ADMIN_PORT", settings.orders.admin_port, async |admin_port| {
            let settings = order_service::Settings { admin_port, ..settings.orders.clone() };
            OrderService::build(settings, sqs.clone()).await
        });
        let orders = orders.await?;
        orders.tell_pending_again().await?;
        let api = orders.address()?.ok_or_else(|| anyhow::anyhow!("the order service has no API"))?;
        let orders_admin = orders.admin_address()?;

        settings.console.api = format!("http://{api}");
        settings.console.order_service_admin = vec![format!("http://{orders_admin}")];
        settings.console.payment_service_admin = vec![format!("http://{payments_admin}")];
        let switches = switches(queue.controls(), worker.clone(), simulated_provider.clone(), settings.unkindness);
        let in_process = InProcess { journal: settings.journal, switches };
        let console = near("CONSOLE_PORT", settings.console.port, async |port| {
            let settings = console::Settings { port, ..settings.console.clone() };
            Console::build(settings, &sqs, in_process.clone())
        });
        let console = console.await?;
        let console_address = console.address()?;

        let services = [tokio::spawn(orders.run(stop.clone())), tokio::spawn(console.run(stop.clone()))];
        Ok(Self {
            console: console_address,
            api,
            orders_admin,
            payments_admin,
            simulated_provider,
            queue_url,
            dead_letters,
            queue,
            stop,
            worker,
            services,
        })
    }

    /// Resolves when a service has ended without having been told to.
    pub async fn failed(&self) {
        self.stop.cancelled().await;
    }

    /// Stops the services, which finish what they have begun, and then the queue.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.queue.end_long_polls();
        let mut outcome = self.worker.ended().await;
        for service in self.services {
            outcome = outcome.and(service.await?);
        }
        self.queue.stop().await;
        outcome
    }
}

fn sqlite(file: PathBuf) -> anyhow::Result<database::DatabaseUrl> {
    Ok(format!("sqlite://{}", file.display()).parse()?)
}

/// Listens on `port` of this machine only, or on a free one if it is taken.
async fn listen_at_or_near(port: u16) -> std::io::Result<TcpListener> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await,
    }
}

/// Builds a service with the port of that variable at `port`, or at a free one if it is taken: by another `cargo run`, for
/// one.
async fn near<S>(variable: &str, port: u16, build: impl AsyncFn(u16) -> anyhow::Result<S>) -> anyhow::Result<S> {
    let built = build(port).await;
    let fault = built.as_ref().err().and_then(|error| error.downcast_ref::<BindError>());
    if fault.is_some_and(|fault| fault.variable() == variable) { build(0).await } else { built }
}
