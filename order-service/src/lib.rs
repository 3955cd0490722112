//! The order service: accepts orders over HTTP, tells the payment service of them, and takes its results.
//!
//! An order's way: [`http`] → [`store`] (order and event in one transaction) → the outbox relay → queue `orders`; and
//! back from the queue `payments` through `results` to the [`store`].

pub mod cancellation;
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
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, sleep, timeout_at};
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
    admin: TcpListener,
    database: Database,
    store: OrderStore,
    queues: [Queue; 2],
    registry: Arc<Registry>,
    sqs_metrics: sqs::Metrics,
    api: Option<Api>,
    consumer: Option<Consumer<ResultHandler>>,
    stopping: Stopping,
    http_metrics: HttpMetrics,
    order_metrics: OrderMetrics,
    queue_metrics: Option<Duration>,
}

/// What belongs to the API: the orders that it accepts are also published here.
struct Api {
    listener: TcpListener,
    edge: EdgeSettings,
    relay: Relay,
}

/// Which part of the service an instance is: the halves are scaled each by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Both halves.
    Whole,
    /// Accepts orders and publishes them.
    Api,
    /// Takes the results of payments.
    Worker,
}

impl OrderService {
    /// The whole service: see [`build_part`](Self::build_part).
    pub async fn build(settings: Settings, sqs: Client) -> anyhow::Result<Self> {
        Self::build_part(Part::Whole, settings, sqs).await
    }

    /// Binds the ports, opens the database and brings its schema up to date. The queues may still be out of reach.
    pub async fn build_part(part: Part, settings: Settings, sqs: Client) -> anyhow::Result<Self> {
        let (has_api, has_worker) = (part != Part::Worker, part != Part::Api);
        let public = || chassis::http::bind((settings.address, settings.port).into(), "PORT");
        let public = has_api.then(public).transpose()?;
        let admin = chassis::http::bind((settings.address, settings.admin_port).into(), "ADMIN_PORT")?;
        let database = Database::open(&settings.database_url, &store::MIGRATIONS).await?;
        database.warm().await;

        let mut registry = Registry::default();
        chassis::metrics::register(&mut registry);
        database.register_metrics(&mut registry);
        let http_metrics = HttpMetrics::register(&mut registry);
        let order_metrics = OrderMetrics::register(&mut registry);
        let metrics = sqs::Metrics::default();
        let orders = Queue::with_metrics(sqs.clone(), &settings.orders_queue, &metrics);
        let payments = Queue::with_metrics(sqs, &settings.payments_queue, &metrics);

        let outbox = Outbox::new(database.clone(), settings.outbox_cap);
        let store = OrderStore::new(database.clone(), outbox.clone());
        let handler = ResultHandler::new(store.clone(), settings.payments_queue, order_metrics.clone());
        let consumer = has_worker.then(|| Consumer::new(payments.clone(), handler, settings.consumer));
        let relay_metrics = outbox::Metrics::register(&mut registry);
        let relay =
            Relay::new(outbox, orders.clone(), relay_metrics, |Published { message, message_id, queue, attempt }| {
                let trace_id = message.trace_id();
                let order_id = &message.subject;
                // The event that an order was placed has the order's own id.
                if message.id == *order_id {
                    tracing::info!(order_id, message_id, queue, attempt, trace_id, "order published");
                } else {
                    tracing::info!(order_id, message_id, queue, attempt, trace_id, "cancellation published");
                }
            });
        let api = public.map(|listener| Api { listener, edge: settings.edge, relay });
        Ok(Self {
            admin,
            database,
            store,
            queues: [orders, payments],
            registry: Arc::new(registry),
            sqs_metrics: metrics,
            api,
            consumer,
            stopping: settings.stopping,
            http_metrics,
            order_metrics,
            queue_metrics: settings.queue_metrics,
        })
    }

    /// Where the API listens; none: this instance has no API.
    pub fn address(&self) -> std::io::Result<Option<SocketAddr>> {
        self.api.as_ref().map(|api| api.listener.local_addr()).transpose()
    }

    /// Where health and metrics are served.
    pub fn admin_address(&self) -> std::io::Result<SocketAddr> {
        self.admin.local_addr()
    }

    /// Puts the events of all orders that are still pending, and of all cancellations under way, back into the outbox: for a
    /// queue that forgets at exit.
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
        let Self { admin, database, store, queues, registry, api, consumer, stopping, .. } = self;
        let [orders, payments] = queues;
        // Each half is ready by the queue that it works with.
        let worked_with = [api.as_ref().map(|_| &orders), consumer.as_ref().map(|_| &payments)];
        let health = Arc::new(Health {
            progress: consumer.as_ref().map(Consumer::progress),
            database: database.clone(),
            queues: worked_with.into_iter().flatten().cloned().collect(),
            needs_queues: api.is_none(),
            stop: stop.clone(),
        });
        let [close, relay_stop, admin_stop] = [(); 3].map(|()| CancellationToken::new());
        let admin_app = chassis::admin::routes(health.clone(), registry, self.sqs_metrics);
        let admin = chassis::http::serve(admin, admin_app, admin_stop.clone(), Duration::ZERO);
        let admin = tokio::spawn(with_all(stop.clone(), admin));
        let watch = {
            let (database, stop) = (database.clone(), stop.clone());
            tokio::spawn(with_all(stop.clone(), async move { database.watch(stop).await }))
        };
        // Whoever consumes a queue asks how much is in it.
        let every = self.queue_metrics.filter(|_| consumer.is_some());
        let measure =
            tokio::spawn(with_all(stop.clone(), keep_measured(payments, every, stop.clone().cancelled_owned())));
        let consumer =
            consumer.map(|consumer| tokio::spawn(with_all(stop.clone(), consumer.run(stop.clone().cancelled_owned()))));
        let (mut served, mut relay, mut housekeeping) = (None, None, None);
        if let Some(api) = api {
            let sending = api.relay.run(relay_stop.clone(), stopping.last_call(stop.clone()));
            relay = Some(tokio::spawn(with_all(stop.clone(), sending)));
            let keeping = keep_house(store.clone(), api.edge.rate_limit.clone(), stop.clone(), close.clone());
            housekeeping = Some(tokio::spawn(with_all(stop.clone(), keeping)));
            let (slots, queue) = (OrderSlots::new(&api.edge), orders.name().into());
            let orders = OrdersState { store: store.clone(), slots, metrics: self.order_metrics, queue };
            let app = http::router(orders, health, &api.edge, self.http_metrics);
            let serving = chassis::http::serve(api.listener, app, close.clone(), stopping.timeout);
            served = Some(tokio::spawn(with_all(stop.clone(), serving)));
        }

        stop.cancelled().await;
        let end = stopping.end();
        sleep(stopping.delay).await;
        close.cancel();
        store.let_nobody_wait();
        let served = by_if(end, "API", served).await;
        let consumed = by_if(end, "consumer", consumer).await;
        relay_stop.cancel();
        let relayed = by_if(end, "relay", relay).await;
        let kept = by_if(end, "housekeeping", housekeeping).await.and(by(end, "watch", watch).await);
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

/// [`by`] for a part that this instance may not have.
async fn by_if<T>(end: Instant, part: &'static str, task: Option<JoinHandle<T>>) -> Result<Option<T>, JoinError> {
    match task {
        Some(task) => by(end, part, task).await,
        None => Ok(None),
    }
}

/// Forgets what nobody will ask for any more, and looks for what those who wait have not been told.
async fn keep_house(
    store: OrderStore,
    rate_limit: Option<RateLimit>,
    stop: CancellationToken,
    close: CancellationToken,
) {
    tokio::join!(forget(&store, rate_limit, &stop), store.keep_looking(&close));
}

async fn forget(store: &OrderStore, rate_limit: Option<RateLimit>, stop: &CancellationToken) {
    let (mut keys_due, mut clients_due) = (tokio::time::interval(KEY_SWEEP), tokio::time::interval(CLIENT_SWEEP));
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = keys_due.tick() => match store.forget_old_keys(Timestamp::now(), stop).await {
                Ok(0) => {}
                Ok(keys) => tracing::info!(keys, "old idempotency keys forgotten"),
                Err(error) => tracing::warn!(%error, "old idempotency keys could not be forgotten, will try again"),
            },
            _ = clients_due.tick() => rate_limit.iter().for_each(RateLimit::forget_idle_clients),
        }
    }
}
