//! A worker inside the test's process.

use std::net::Ipv4Addr;
use std::time::Duration;

use database::DatabaseUrl;
use payment_service::{PaymentService, Settings};
use reqwest::Response;
use sqs::{Backoff, client};
use testbed::{CountingProvider, FaultyProxy, Queues, http_client};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A running worker.
pub(crate) struct Worker {
    /// Its admin port.
    pub(crate) admin_port: u16,
    stop: CancellationToken,
    running: JoinHandle<anyhow::Result<()>>,
}

impl Worker {
    /// Starts a worker with short waits; `tweak` changes what the test is about.
    pub(crate) async fn start(queues: &Queues, database: &DatabaseUrl, tweak: impl FnOnce(&mut Settings)) -> Self {
        Self::start_through(&queues.url, queues, database, tweak).await
    }

    /// Starts a worker that reaches its queues through `endpoint`.
    pub(crate) async fn start_through(
        endpoint: &str,
        queues: &Queues,
        database: &DatabaseUrl,
        tweak: impl FnOnce(&mut Settings),
    ) -> Self {
        let environment = [("ORDERS_QUEUE", queues.name("orders")), ("PAYMENTS_QUEUE", queues.name("payments"))];
        let mut settings = Settings::load(environment.into_iter().collect()).unwrap();
        settings.address = Ipv4Addr::LOCALHOST.into();
        settings.admin_port = 0;
        settings.database_url = database.clone();
        settings.consumer.long_poll = Duration::from_secs(1);
        settings.consumer.retry = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        tweak(&mut settings);
        let service = PaymentService::build(settings, client::for_endpoint(endpoint).await).await.unwrap();
        let admin_port = service.admin_address().unwrap().port();
        let stop = CancellationToken::new();
        let running = tokio::spawn(service.run(stop.clone()));
        Self { admin_port, stop, running }
    }

    /// Tells it to stop, without waiting for it.
    pub(crate) fn tell_to_stop(&self) {
        self.stop.cancel();
    }

    /// Stops it in good order.
    pub(crate) async fn stop(self) {
        self.tell_to_stop();
        self.running.await.unwrap().unwrap();
    }

    /// What its admin port answers.
    pub(crate) async fn get(&self, path: &str) -> Response {
        http_client().get(format!("http://127.0.0.1:{}{path}", self.admin_port)).send().await.unwrap()
    }

    /// The value of one series, named as it is in `/metrics`; none: there is no such series.
    pub(crate) async fn metric(&self, series: &str) -> Option<f64> {
        let text = self.get("/metrics").await.text().await.unwrap();
        text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
    }
}

/// Has the worker ask `provider`.
pub(crate) fn asking(provider: &CountingProvider) -> impl FnOnce(&mut Settings) + use<> {
    let url = provider.url().parse().unwrap();
    |settings| settings.provider_url = Some(url)
}

/// The visibility timeouts that were asked for through `proxy`, in seconds, with the receipt handles for which.
pub(crate) fn visibility_timeouts(proxy: &FaultyProxy) -> Vec<(u64, String)> {
    let calls = proxy.calls().into_iter().filter(|(action, _)| action == "ChangeMessageVisibilityBatch");
    let entries = calls.flat_map(|(_, body)| body["Entries"].as_array().unwrap().clone());
    let read = |entry: serde_json::Value| {
        (entry["VisibilityTimeout"].as_u64().unwrap(), entry["ReceiptHandle"].as_str().unwrap().to_owned())
    };
    entries.map(read).collect()
}
