//! The payment service: charges each order exactly once, gives back what is cancelled, and tells the order service of it.
//!
//! An order's way: queue `orders` → `orders` → `charging` or `cancelling` → [`provider`] and [`ledger`] (conclusion and
//! result event in one transaction) → the outbox relay → queue `payments`.

mod cancelling;
mod charging;
pub mod dlq;
pub mod ledger;
mod metrics;
mod orders;
pub mod provider;
pub mod settings;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use chassis::shutdown::{by, with_all};
use chassis::{Health, Stopping};
use database::Database;
use outbox::relay::Published;
use outbox::{Outbox, Relay};
use prometheus_client::registry::Registry;
use sqs::queue::keep_measured;
use sqs::{Consumer, Queue};
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;

use ledger::Ledger;
use orders::OrderHandler;
use provider::{HttpProvider, Provider, Simulator};
pub use settings::Settings;

/// The queue's own visibility timeout, as `localstack/queues/orders.json` has it.
const DEFAULT_VISIBILITY_TIMEOUT: Duration = Duration::from_secs(30);

/// A built worker, its port bound and its database open, that is not running yet.
pub struct PaymentService {
    admin: TcpListener,
    database: Database,
    queues: [Queue; 2],
    registry: Arc<Registry>,
    sqs_metrics: sqs::Metrics,
    relay: Relay,
    consumer: Consumer<OrderHandler>,
    stopping: Stopping,
    queue_metrics: Option<Duration>,
}

impl PaymentService {
    /// Binds the port, opens the database and brings its schema up to date. The queues may still be out of reach.
    pub async fn build(settings: Settings, sqs: Client) -> anyhow::Result<Self> {
        let admin = chassis::http::bind((settings.address, settings.admin_port).into(), "ADMIN_PORT")?;
        let database = Database::open(&settings.database_url, &ledger::MIGRATIONS).await?;
        database.warm().await;

        let mut registry = Registry::default();
        chassis::metrics::register(&mut registry);
        database.register_metrics(&mut registry);
        let metrics = sqs::Metrics::default();
        let orders = Queue::with_metrics(sqs.clone(), &settings.orders_queue, &metrics);
        let payments = Queue::with_metrics(sqs, &settings.payments_queue, &metrics);

        let outbox = Outbox::new(database.clone(), usize::MAX);
        let ledger = Ledger::new(database.clone(), outbox.clone());
        let visibility_timeout = settings.consumer.visibility_timeout.unwrap_or(DEFAULT_VISIBILITY_TIMEOUT);
        let provider = match settings.provider_url {
            Some(url) => Provider::Http(HttpProvider::new(url)?),
            None => {
                tracing::warn!("payments are simulated, nobody is charged: PAYMENT_PROVIDER_URL is not set");
                Provider::Simulated(Simulator::new(visibility_timeout, settings.simulator_presence))
            }
        };
        let handler = OrderHandler {
            ledger,
            provider,
            queue: settings.orders_queue,
            results_queue: settings.payments_queue,
            lease: visibility_timeout / 2,
            metrics: metrics::Metrics::register(&mut registry),
        };
        let consumer = Consumer::new(orders.clone(), handler, settings.consumer);
        let relay_metrics = outbox::Metrics::register(&mut registry);
        let relay =
            Relay::new(outbox, payments.clone(), relay_metrics, |Published { message, message_id, queue, attempt }| {
                let trace_id = message.trace_id();
                tracing::info!(order_id = message.subject, message_id, queue, attempt, trace_id, "result published");
            });
        let (queues, registry, stopping) = ([orders, payments], Arc::new(registry), settings.stopping);
        let queue_metrics = settings.queue_metrics;
        Ok(Self { admin, database, queues, registry, sqs_metrics: metrics, relay, consumer, stopping, queue_metrics })
    }

    /// Where health and metrics are served.
    pub fn admin_address(&self) -> std::io::Result<SocketAddr> {
        self.admin.local_addr()
    }

    /// Runs until told to stop. It is not ready from then on and receives nothing more; what is under way ends first, so
    /// that the results of its last orders are still told.
    ///
    /// Should a part fail, all stop, and the error is returned. A part that has not ended by the end is cut off.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let Self { admin, database, queues, registry, sqs_metrics, relay, consumer, stopping, queue_metrics } = self;
        let [orders, _] = queues.clone();
        let health = Arc::new(Health {
            progress: Some(consumer.progress()),
            database: database.clone(),
            queues: queues.into(),
            needs_queues: true,
            stop: stop.clone(),
        });
        let [relay_stop, admin_stop] = [(); 2].map(|()| CancellationToken::new());
        let admin_app = chassis::admin::routes(health, registry, sqs_metrics);
        let admin = chassis::http::serve(admin, admin_app, admin_stop.clone(), Duration::ZERO);
        let admin = tokio::spawn(with_all(stop.clone(), admin));
        let watch = {
            let (database, stop) = (database.clone(), stop.clone());
            tokio::spawn(with_all(stop.clone(), async move { database.watch(stop).await }))
        };
        let relay =
            tokio::spawn(with_all(stop.clone(), relay.run(relay_stop.clone(), stopping.last_call(stop.clone()))));
        let consumer = tokio::spawn(with_all(stop.clone(), consumer.run(stop.clone().cancelled_owned())));
        let measure =
            tokio::spawn(with_all(stop.clone(), keep_measured(orders, queue_metrics, stop.clone().cancelled_owned())));

        stop.cancelled().await;
        let end = stopping.end();
        let consumed = by(end, "consumer", consumer).await;
        relay_stop.cancel();
        let relayed = by(end, "relay", relay)
            .await
            .and(by(end, "watch", watch).await)
            .and(by(end, "queue metrics", measure).await);
        if timeout_at(end, database.close()).await.is_err() {
            tracing::warn!("the database is not closed in time");
        }
        admin_stop.cancel();
        by(end, "admin port", admin).await?.transpose()?;
        consumed?.transpose()?;
        Ok(relayed.map(drop)?)
    }
}
