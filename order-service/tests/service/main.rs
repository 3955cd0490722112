//! The order service as others see it: over HTTP, over the queues, as a process. Each test has its own service, queues
//! and database.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail where it stands")]

mod access;
mod answer;
mod cancelling;
mod documentation;
mod edge;
mod events;
mod fields;
mod idempotency;
mod listing;
mod newer_version;
mod old_keys;
mod older_version;
mod operations;
mod outage;
mod outbox;
mod outbox_cap;
mod parts;
mod placing;
mod plans;
mod process;
mod queries;
mod readiness;
mod refusals;
mod results;
mod sending;
mod sets;
mod simultaneous;
mod slow_clients;
mod stopping;
mod tokens;
mod waiting;

use std::time::Duration;

use aws_sdk_sqs::Client;
use order_service::{OrderService, Part, Settings};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use testbed::{Databases, Queues, eventually};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use answer::Answer;

/// Longer than any stop takes, however slow the machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// A running service.
struct Service {
    url: String,
    admin_url: String,
    http: reqwest::Client,
    stop: CancellationToken,
    running: JoinHandle<anyhow::Result<()>>,
}

/// Settings for those queues and that database, on free ports.
fn settings(queues: &Queues, database_url: &str) -> Settings {
    let (orders, payments) = (queues.name("orders"), queues.name("payments"));
    let variables = [("ORDERS_QUEUE", &*orders), ("PAYMENTS_QUEUE", &payments), ("DATABASE_URL", database_url)];
    let mut settings = Settings::load(variables.into_iter().collect()).unwrap();
    settings.address = [127, 0, 0, 1].into();
    (settings.port, settings.admin_port) = (0, 0);
    // A stop awaits the open receive.
    settings.consumer.long_poll = Duration::from_secs(1);
    settings
}

impl Service {
    /// A service with a database of its own.
    async fn start(queues: &Queues, databases: &Databases) -> Self {
        Self::with(&queues.sqs, settings(queues, &databases.create_url().await)).await
    }

    async fn with(sqs: &Client, settings: Settings) -> Self {
        Self::part(Part::Whole, sqs, settings).await
    }

    async fn part(part: Part, sqs: &Client, settings: Settings) -> Self {
        Self::run(OrderService::build_part(part, settings, sqs.clone()).await.unwrap())
    }

    fn run(service: OrderService) -> Self {
        let url = service.address().unwrap().map(|address| format!("http://{address}")).unwrap_or_default();
        let admin_url = format!("http://{}", service.admin_address().unwrap());
        let stop = CancellationToken::new();
        let running = tokio::spawn(service.run(stop.clone()));
        Self { url, admin_url, http: testbed::http_client(), stop, running }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    async fn get(&self, path: &str) -> Answer {
        Answer::to(self.request(Method::GET, path)).await
    }

    async fn get_admin(&self, path: &str) -> Answer {
        Answer::to(self.http.get(format!("{}{path}", self.admin_url))).await
    }

    fn posting(&self, order: &str) -> RequestBuilder {
        let json =
            [("content-type", "application/json")].map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        self.request(Method::POST, "/orders").headers(json.into_iter().collect()).body(order.to_owned())
    }

    async fn post(&self, order: &str) -> Answer {
        Answer::to(self.posting(order)).await
    }

    async fn post_with_key(&self, key: &str, order: &str) -> Answer {
        Answer::to(self.posting(order).header("Idempotency-Key", key)).await
    }

    /// Places an order of 42.00 and returns its id.
    async fn place(&self) -> String {
        self.place_for("dev-user").await
    }

    async fn place_for(&self, user: &str) -> String {
        self.post(&format!(r#"{{"userId":"{user}","total":42.00}}"#)).await.accepted()
    }

    async fn order(&self, id: &str) -> Value {
        let answer = self.get(&format!("/orders/{id}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    async fn wait_for_status(&self, id: &str, status: &str) {
        let what = format!("{id} is {status}");
        eventually(&what, async || (self.order(id).await["status"] == status).then_some(())).await;
    }

    /// The ids of the orders listed by that query, at most one page.
    async fn list(&self, query: &str) -> Vec<String> {
        let answer = self.get(&format!("/orders?{query}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let page = answer.json();
        page["orders"].as_array().unwrap().iter().map(|order| order["orderId"].as_str().unwrap().to_owned()).collect()
    }

    /// Stops the service. By then it has sent every event that the queue would take.
    async fn stop(self) {
        self.stop.cancel();
        timeout(PATIENCE, self.running).await.expect("the service does not stop").unwrap().unwrap();
    }
}
