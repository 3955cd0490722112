//! The console: one page that shows an order's way as it happens, and lets the person who runs the system provoke what it is
//! made for. It knows the other services by their public interfaces only.
//!
//! A figure's way: `/metrics` of each instance → `metrics` → `recent` and `charts` → `picture` and `state` → one
//! event for all listeners (`watch`, `http`).

mod api;
mod assets;
mod charts;
mod http;
mod journal;
mod kinds;
mod look;
mod metrics;
mod orders;
mod picture;
mod price;
mod queues;
mod recent;
pub mod settings;
mod state;
mod status;
mod story;
mod switches;
mod thousand;
mod watch;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use bytes::Bytes;
use chassis::shutdown::{by, with_all};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use api::Api;
use http::Shared;
pub use journal::Journal;
use kinds::KINDS;
use metrics::{Instances, Names};
use orders::Orders;
pub use price::{InvalidPrice, Price};
use queues::Queues;
pub use settings::Settings;
use story::Stories;
pub use switches::{Switch, Switches};
use thousand::Thousand;
use watch::Watch;

/// For what is under way when it is told to stop: it has nothing to lose.
const GRACE: Duration = Duration::from_secs(1);
/// By then every part of it has ended.
const END: Duration = Duration::from_secs(3);

/// What only a system in one process has.
#[derive(Clone, Default)]
pub struct InProcess {
    /// What its services log.
    pub journal: Option<Journal>,
    /// What can be switched off and on.
    pub switches: Switches,
}

/// A built console, its port bound, that is not running yet.
pub struct Console {
    listener: TcpListener,
    shared: Shared,
    hosts: Arc<[String]>,
    watch: Watch,
    stall: Duration,
}

impl Console {
    /// Binds the port. The services and the queues may be out of reach: that is what the console is there to show.
    pub fn build(settings: Settings, sqs: &Client, in_process: InProcess) -> anyhow::Result<Self> {
        chassis::tls::install_provider();
        let listener = chassis::http::bind((settings.address, settings.port).into(), "CONSOLE_PORT")?;
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
        let names = Names { orders: settings.orders_queue, payments: settings.payments_queue };
        let orders = Arc::new(Orders::new(Api::new(http.clone(), &settings.api)));
        let queues = Arc::new(Queues::new(sqs, &names));
        let InProcess { journal, switches } = in_process;
        let stories = Arc::new(Stories { orders: orders.clone(), queues: queues.clone(), journal });
        let thousand = Thousand::default();
        let (states, states_seen) = tokio::sync::watch::channel(Bytes::new());
        let (listeners, listeners_seen) = tokio::sync::watch::channel(0);
        let watch = Watch {
            instances: Instances::new(http, &settings.order_service_admin, &settings.payment_service_admin),
            names,
            price: settings.price,
            orders: orders.clone(),
            queues: queues.clone(),
            thousand: thousand.clone(),
            switches: switches.clone(),
            states,
            listeners: listeners_seen,
        };
        let (listeners, stop) = (Arc::new(listeners), CancellationToken::new());
        let shared = Shared { states: states_seen, listeners, orders, queues, stories, thousand, switches, stop };
        Ok(Self { listener, shared, hosts: settings.hosts.into(), watch, stall: settings.stall })
    }

    /// Where it is served.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Runs until told to stop. Should a part fail, all stop, and the error is returned.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let Self { listener, shared, hosts, watch, stall } = self;
        let shared = Shared { stop: stop.clone(), ..shared };
        let Shared { orders, queues, thousand, listeners, .. } = shared.clone();
        let app = http::router(shared, hosts);
        let served = chassis::http::serve_streams(listener, app, stop.clone(), GRACE, stall);
        let served = tokio::spawn(with_all(stop.clone(), served));
        let watch = tokio::spawn(with_all(stop.clone(), watch.run(stop.clone())));
        let looking = {
            let (queues, watched, stop) = (queues.clone(), listeners.subscribe(), stop.clone());
            tokio::spawn(with_all(stop.clone(), async move { queues.keep_looking(watched, stop).await }))
        };
        let asking = {
            let (orders, watched, stop) = (orders.clone(), listeners.subscribe(), stop.clone());
            tokio::spawn(with_all(stop.clone(), async move { orders.keep_looking(watched, stop).await }))
        };
        let placing = tokio::spawn(with_all(stop.clone(), thousand.run(orders, &KINDS[0], stop.clone())));

        stop.cancelled().await;
        let end = Instant::now() + END;
        let looked = by(end, "watch", watch).await.and(by(end, "queues", looking).await);
        let asked = by(end, "orders", asking).await.and(by(end, "placing", placing).await);
        by(end, "page", served).await?.transpose()?;
        Ok(looked.and(asked).map(drop)?)
    }
}
