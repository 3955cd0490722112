//! The payment service: charges each order exactly once and tells the order service of it.
//!
//! An order's way: queue `orders` → [`charging`] → [`provider`] and [`ledger`] (conclusion and result event in one
//! transaction) → the outbox relay → queue `payments`.

mod charging;
pub mod dlq;
pub mod ledger;
mod metrics;
pub mod provider;
pub mod settings;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use chassis::Health;
use chassis::shutdown::{self, with_all};
use database::Database;
use messaging::consumer::Progress;
use messaging::relay::Published;
use messaging::{Consumer, Outbox, Queue, Relay};
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;

use charging::ChargeHandler;
use ledger::Ledger;
use provider::{HttpProvider, Provider, Simulator};
pub use settings::Settings;

/// The queue's own visibility timeout, as `localstack/queues/orders.json` has it.
const DEFAULT_VISIBILITY_TIMEOUT: Duration = Duration::from_secs(30);

/// A built worker, its port bound and its database open, that is not running yet.
pub struct PaymentService {
    admin: TcpListener,
    database: Database,
    health: Arc<ServiceHealth>,
    registry: Arc<Registry>,
    relay: Relay,
    consumer: Consumer<ChargeHandler>,
    shutdown_timeout: Duration,
}

impl PaymentService {
    /// Binds the port, opens the database and brings its schema up to date. The queues may still be out of reach.
    pub async fn build(settings: Settings, sqs: Client) -> anyhow::Result<Self> {
        let admin = chassis::http::bind((settings.address, settings.admin_port).into(), "ADMIN_PORT")?;
        let database = Database::open(&settings.database_url, &ledger::MIGRATIONS).await?;

        let mut registry = Registry::default();
        let metrics = messaging::Metrics::register(&mut registry);
        let orders = Queue::new(sqs.clone(), &settings.orders_queue, metrics.clone());
        let payments = Queue::new(sqs, &settings.payments_queue, metrics);

        let outbox = Outbox::new(database.clone(), usize::MAX);
        let ledger = Ledger::new(database.clone(), outbox.clone());
        let visibility_timeout = settings.consumer.visibility_timeout.unwrap_or(DEFAULT_VISIBILITY_TIMEOUT);
        let provider = match settings.provider_url {
            Some(url) => Provider::Http(HttpProvider::new(url)?),
            None => Provider::Simulated(Simulator::new(visibility_timeout)),
        };
        let handler = ChargeHandler {
            ledger: ledger.clone(),
            provider,
            queue: settings.orders_queue,
            lease: visibility_timeout / 2,
            metrics: metrics::Metrics::register(&mut registry),
        };
        let shutdown_timeout = settings.consumer.shutdown_timeout;
        let consumer = Consumer::new(orders.clone(), handler, settings.consumer);
        let relay = Relay::new(outbox, payments.clone(), |Published { message, message_id, queue, attempt }| {
            tracing::info!(order_id = message.subject, message_id, queue, attempt, "result published");
        });
        let health = ServiceHealth { ledger, queues: [orders, payments], progress: consumer.progress() };
        let (health, registry) = (Arc::new(health), Arc::new(registry));
        Ok(Self { admin, database, health, registry, relay, consumer, shutdown_timeout })
    }

    /// Where health and metrics are served.
    pub fn admin_address(&self) -> std::io::Result<SocketAddr> {
        self.admin.local_addr()
    }

    /// Runs until told to stop. Then the worker ends first, so that the results of its last orders are still told; those
    /// for which there is no time left are another instance's.
    ///
    /// Should a part fail, all stop, and the error is returned.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let (relay_stop, admin_stop) = (CancellationToken::new(), CancellationToken::new());
        let admin_app = chassis::admin::routes(self.health.clone(), self.registry);
        let admin = chassis::http::serve(self.admin, admin_app, admin_stop.clone(), Duration::ZERO);
        let admin = tokio::spawn(with_all(stop.clone(), admin));
        let relay_end = shutdown::after(stop.clone(), self.shutdown_timeout + shutdown::LAST_STEP);
        let relay = tokio::spawn(with_all(stop.clone(), self.relay.run(relay_stop.clone(), relay_end)));

        let consumed = with_all(stop.clone(), self.consumer.run(stop)).await;
        relay_stop.cancel();
        let relayed = relay.await;
        self.database.close().await;
        admin_stop.cancel();
        admin.await??;
        Ok(consumed.and(relayed)?)
    }
}

struct ServiceHealth {
    ledger: Ledger,
    queues: [Queue; 2],
    progress: Progress,
}

impl Health for ServiceHealth {
    fn is_live(&self) -> bool {
        !self.progress.is_stalled()
    }

    async fn dependencies(&self) -> Vec<(&'static str, bool)> {
        let queues_up = self.queues.iter().all(Queue::is_reachable);
        vec![("database", self.ledger.ping().await), ("queue", queues_up)]
    }
}
