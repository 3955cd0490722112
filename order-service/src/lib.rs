//! The order service: accepts orders over HTTP, tells the payment service of them, and takes its results.
//!
//! An order's way: [`http`] → [`store`] (order and event in one transaction) → the outbox relay → queue `orders`; and back
//! from the queue `payments` through [`results`] to the [`store`].

pub mod http;
pub mod order;
mod results;
pub mod settings;
pub mod store;
pub mod total;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use chassis::Health;
use chassis::shutdown::{self, with_all};
use database::Database;
use jiff::Timestamp;
use messaging::consumer::Progress;
use messaging::relay::Published;
use messaging::{Consumer, Metrics, Outbox, Queue, Relay};
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;

use http::edge::{EdgeSettings, RateLimit};
use results::ResultHandler;
pub use settings::Settings;
use store::OrderStore;

const KEY_SWEEP: Duration = Duration::from_secs(60 * 60);
const CLIENT_SWEEP: Duration = Duration::from_secs(60);

/// A built service, its ports bound and its database open, that is not running yet.
pub struct OrderService {
    public: TcpListener,
    admin: TcpListener,
    database: Database,
    store: OrderStore,
    health: Arc<ServiceHealth>,
    registry: Arc<Registry>,
    relay: Relay,
    consumer: Consumer<ResultHandler>,
    edge: EdgeSettings,
    shutdown_timeout: Duration,
}

impl OrderService {
    /// Binds the ports, opens the database and brings its schema up to date. The queues may still be out of reach.
    pub async fn build(settings: Settings, sqs: Client) -> anyhow::Result<Self> {
        let public = chassis::http::bind((settings.address, settings.port).into(), "PORT")?;
        let admin = chassis::http::bind((settings.address, settings.admin_port).into(), "ADMIN_PORT")?;
        let database = Database::open(&settings.database_url, &store::MIGRATIONS).await?;

        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        let orders = Queue::new(sqs.clone(), &settings.orders_queue, metrics.clone());
        let payments = Queue::new(sqs, &settings.payments_queue, metrics);

        let outbox = Outbox::new(database.clone(), settings.outbox_cap);
        let store = OrderStore::new(database.clone(), outbox.clone());
        if settings.tell_pending_again {
            let orders = store.tell_pending_again().await.map_err(anyhow::Error::from_boxed)?;
            tracing::info!(orders, "pending orders found");
        }
        let handler = ResultHandler::new(store.clone(), settings.payments_queue);
        let consumer = Consumer::new(payments.clone(), handler, settings.consumer);
        let relay = Relay::new(outbox, orders.clone(), |Published { message, message_id, queue, attempt }| {
            tracing::info!(order_id = message.subject, message_id, queue, attempt, "order published");
        });
        let health = ServiceHealth { store: store.clone(), queues: [orders, payments], progress: consumer.progress() };
        Ok(Self {
            public,
            admin,
            database,
            store,
            health: Arc::new(health),
            registry: Arc::new(registry),
            relay,
            consumer,
            edge: settings.edge,
            shutdown_timeout: settings.shutdown_timeout,
        })
    }

    /// Where the API listens.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.public.local_addr()
    }

    /// Where health and metrics are served.
    pub fn admin_address(&self) -> std::io::Result<SocketAddr> {
        self.admin.local_addr()
    }

    /// Runs until told to stop. Then the port closes first, so that what it has accepted is still passed on; what there is
    /// no time left for is another instance's.
    ///
    /// Should a part fail, all stop, and the error is returned.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let (relay_stop, admin_stop) = (CancellationToken::new(), CancellationToken::new());
        let admin_app = chassis::admin::routes(self.health.clone(), self.registry);
        let admin = chassis::http::serve(self.admin, admin_app, admin_stop.clone(), Duration::ZERO);
        let admin = tokio::spawn(with_all(stop.clone(), admin));
        let relay_end = shutdown::after(stop.clone(), self.shutdown_timeout + shutdown::LAST_STEP);
        let relay = tokio::spawn(with_all(stop.clone(), self.relay.run(relay_stop.clone(), relay_end)));
        let consumer = tokio::spawn(with_all(stop.clone(), self.consumer.run(stop.clone())));
        let housekeeping = housekeeping(self.store.clone(), self.edge.rate_limit.clone(), stop.clone());
        let housekeeping = tokio::spawn(with_all(stop.clone(), housekeeping));

        let app = http::router(self.store, self.health, &self.edge);
        let served = with_all(stop.clone(), chassis::http::serve(self.public, app, stop, self.shutdown_timeout)).await;
        let consumed = consumer.await;
        relay_stop.cancel();
        let (relayed, kept) = (relay.await, housekeeping.await);
        self.database.close().await;
        admin_stop.cancel();
        admin.await??;
        served?;
        consumed??;
        Ok(relayed.and(kept)?)
    }
}

/// Forgets what nobody will ask for any more.
async fn housekeeping(store: OrderStore, rate_limit: Option<RateLimit>, stop: CancellationToken) {
    let (mut keys_due, mut clients_due) = (tokio::time::interval(KEY_SWEEP), tokio::time::interval(CLIENT_SWEEP));
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = keys_due.tick() => match store.forget_old_keys(Timestamp::now(), &stop).await {
                Ok(0) => {}
                Ok(keys) => tracing::info!(keys, "old idempotency keys forgotten"),
                Err(error) => tracing::warn!(%error, "old idempotency keys could not be forgotten, will try again"),
            },
            _ = clients_due.tick() => rate_limit.iter().for_each(RateLimit::forget_idle_clients),
        }
    }
}

struct ServiceHealth {
    store: OrderStore,
    queues: [Queue; 2],
    progress: Progress,
}

impl Health for ServiceHealth {
    fn is_live(&self) -> bool {
        !self.progress.is_stalled()
    }

    async fn dependencies(&self) -> Vec<(&'static str, bool)> {
        let queues_up = self.queues.iter().all(Queue::is_reachable);
        vec![("database", self.store.ping().await), ("queue", queues_up)]
    }
}
