//! The order service: accepts orders over HTTP, tells the payment service of them, and takes its results.
//!
//! An order's way: [`http`] → [`store`] (order and event in one transaction) → the outbox relay → queue `orders`; and back
//! from the queue `payments` through [`results`] to the [`store`].

pub mod http;
mod metrics;
pub mod order;
mod results;
pub mod settings;
pub mod store;
pub mod total;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use chassis::shutdown::{by, with_all};
use chassis::{Health, Stopping};
use database::Database;
use jiff::Timestamp;
use outbox::relay::Published;
use outbox::{Outbox, Relay};
use prometheus_client::registry::Registry;
use sqs::queue::keep_measured;
use sqs::{Consumer, Queue};
use tokio::time::{sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use http::OrdersState;
use http::edge::{EdgeSettings, HttpMetrics, OrderSlots, RateLimit};
use metrics::OrderMetrics;
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
    queues: [Queue; 2],
    registry: Arc<Registry>,
    relay: Relay,
    consumer: Consumer<ResultHandler>,
    edge: EdgeSettings,
    stopping: Stopping,
    http_metrics: HttpMetrics,
    order_metrics: OrderMetrics,
    queue_metrics: Option<Duration>,
}

impl OrderService {
    /// Binds the ports, opens the database and brings its schema up to date. The queues may still be out of reach.
    pub async fn build(settings: Settings, sqs: Client) -> anyhow::Result<Self> {
        let public = chassis::http::bind((settings.address, settings.port).into(), "PORT")?;
        let admin = chassis::http::bind((settings.address, settings.admin_port).into(), "ADMIN_PORT")?;
        let database = Database::open(&settings.database_url, &store::MIGRATIONS).await?;

        let mut registry = Registry::default();
        chassis::metrics::register(&mut registry);
        database.register_metrics(&mut registry);
        let http_metrics = HttpMetrics::register(&mut registry);
        let order_metrics = OrderMetrics::register(&mut registry);
        let metrics = sqs::Metrics::register(&mut registry);
        let orders = Queue::new(sqs.clone(), &settings.orders_queue, metrics.clone());
        let payments = Queue::new(sqs, &settings.payments_queue, metrics);

        let outbox = Outbox::new(database.clone(), settings.outbox_cap);
        let store = OrderStore::new(database.clone(), outbox.clone());
        let handler = ResultHandler::new(store.clone(), settings.payments_queue, order_metrics.clone());
        let consumer = Consumer::new(payments.clone(), handler, settings.consumer);
        let relay_metrics = outbox::Metrics::register(&mut registry);
        let relay =
            Relay::new(outbox, orders.clone(), relay_metrics, |Published { message, message_id, queue, attempt }| {
                let trace_id = message.trace_id();
                tracing::info!(order_id = message.subject, message_id, queue, attempt, trace_id, "order published");
            });
        Ok(Self {
            public,
            admin,
            database,
            store,
            queues: [orders, payments],
            registry: Arc::new(registry),
            relay,
            consumer,
            edge: settings.edge,
            stopping: settings.stopping,
            http_metrics,
            order_metrics,
            queue_metrics: settings.queue_metrics,
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

    /// Puts the events of all orders that are still pending back into the outbox: for a queue that forgets at exit.
    pub async fn tell_pending_again(&self) -> anyhow::Result<()> {
        let orders = self.store.tell_pending_again().await.map_err(anyhow::Error::from_boxed)?;
        tracing::info!(orders, "pending orders found");
        Ok(())
    }

    /// Runs until told to stop. It is not ready from then on and receives no more results, but goes on taking requests for
    /// a while; then the port closes, and what it has accepted is still passed on.
    ///
    /// Should a part fail, all stop, and the error is returned. A part that has not ended by the end is cut off.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let Self { public, admin, database, store, queues, registry, relay, consumer, edge, stopping, .. } = self;
        let [orders, payments] = queues.clone();
        let health = Arc::new(Health {
            progress: consumer.progress(),
            database: database.clone(),
            queues,
            needs_queues: false,
            stop: stop.clone(),
        });
        let [close, relay_stop, admin_stop] = [(); 3].map(|()| CancellationToken::new());
        let admin_app = chassis::admin::routes(health.clone(), registry);
        let admin = chassis::http::serve(admin, admin_app, admin_stop.clone(), Duration::ZERO);
        let admin = tokio::spawn(with_all(stop.clone(), admin));
        let watch = {
            let (database, stop) = (database.clone(), stop.clone());
            tokio::spawn(with_all(stop.clone(), async move { database.watch(stop).await }))
        };
        let relay =
            tokio::spawn(with_all(stop.clone(), relay.run(relay_stop.clone(), stopping.last_call(stop.clone()))));
        let consumer = tokio::spawn(with_all(stop.clone(), consumer.run(stop.clone())));
        let housekeeping = housekeeping(store.clone(), edge.rate_limit.clone(), stop.clone());
        let housekeeping = tokio::spawn(with_all(stop.clone(), housekeeping));
        let measure = keep_measured(payments, self.queue_metrics, stop.clone());
        let measure = tokio::spawn(with_all(stop.clone(), measure));
        let (slots, queue) = (OrderSlots::new(&edge), orders.name().into());
        let orders = OrdersState { store, slots, metrics: self.order_metrics, queue };
        let api = http::router(orders, health, &edge, self.http_metrics);
        let api = chassis::http::serve(public, api, close.clone(), stopping.timeout);
        let api = tokio::spawn(with_all(stop.clone(), api));

        stop.cancelled().await;
        let end = stopping.end();
        sleep(stopping.delay).await;
        close.cancel();
        let (served, consumed) = (by(end, "API", api).await, by(end, "consumer", consumer).await);
        relay_stop.cancel();
        let relayed = by(end, "relay", relay).await;
        let kept = by(end, "housekeeping", housekeeping).await.and(by(end, "watch", watch).await);
        let kept = kept.and(by(end, "queue metrics", measure).await);
        if timeout_at(end, database.close()).await.is_err() {
            tracing::warn!("the database is not closed in time");
        }
        admin_stop.cancel();
        by(end, "admin port", admin).await?.transpose()?;
        served?.transpose()?;
        consumed?.transpose()?;
        Ok(relayed.and(kept).map(drop)?)
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
