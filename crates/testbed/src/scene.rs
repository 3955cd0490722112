//! What a test stands on: queues, and a proxy between them and what is tested.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use prometheus_client::registry::Registry;
use serde_json::Value;
use sqs::{ConsumerConfig, Metrics, Queue, client};

use crate::{Fault, FaultyProxy, Queues, eventually};

/// Queues, and a proxy that whatever is tested reaches them through.
pub struct Scene {
    /// The queues, past the proxy.
    pub queues: Queues,
    /// The proxy.
    pub proxy: FaultyProxy,
    client: Client,
    metrics: Metrics,
}

/// Ten at once, hidden for as long as the queues' own default, and polls that do not keep a test waiting when it stops.
pub fn config() -> ConsumerConfig {
    ConsumerConfig::default().concurrency(10).long_poll(Duration::from_secs(1))
}

impl Scene {
    /// A new one, its queues empty.
    pub async fn start() -> Self {
        let queues = Queues::start().await;
        let proxy = FaultyProxy::start(&queues.url).await;
        let client = client::for_endpoint(&proxy.url).await;
        Self { queues, proxy, client, metrics: Metrics::default() }
    }

    /// The queue `orders` through the proxy.
    pub fn queue(&self) -> Queue {
        Queue::with_metrics(self.client.clone(), &self.queues.name("orders"), &self.metrics)
    }

    /// Has the first calls of an action fail.
    pub fn fail_first(&self, calls: usize, action: &'static str, fault: Fault) {
        let so_far = AtomicUsize::new(0);
        self.proxy.fail(move |called, _| {
            let fails = called == action && so_far.fetch_add(1, Ordering::SeqCst) < calls;
            if fails { fault } else { Fault::None }
        });
    }

    /// Has all calls of an action fail until the proxy is healed.
    pub fn fail_all(&self, action: &'static str, fault: Fault) {
        self.fail_first(usize::MAX, action, fault);
    }

    /// Waits until there have been so many calls of an action.
    pub async fn called(&self, action: &str, calls: usize) {
        let what = format!("{calls} calls of {action}");
        eventually(&what, async || (self.proxy.count(action) >= calls).then_some(())).await;
    }

    /// The bodies of all calls of an action.
    pub fn requests(&self, action: &str) -> Vec<Value> {
        let calls = self.proxy.calls().into_iter();
        calls.filter(|(called, _)| called == action).map(|(_, request)| request).collect()
    }

    /// The entries of all batch calls of an action.
    pub fn entries(&self, action: &str) -> Vec<Value> {
        let requests = self.requests(action).into_iter();
        requests.flat_map(|request| request["Entries"].as_array().cloned().unwrap()).collect()
    }

    /// A metric's value for the queue `orders`, summed over its other labels.
    pub fn metric(&self, name: &str) -> f64 {
        self.sum(&self.metrics.open_metrics(), name)
    }

    /// The same in a registry of the test's own.
    pub fn metric_of(&self, registry: &Registry, name: &str) -> f64 {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
        self.sum(&text, name)
    }

    fn sum(&self, text: &str, name: &str) -> f64 {
        let label = format!("=\"{}\"", self.queues.name("orders"));
        let series = text.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{')));
        series
            .filter(|line| line.contains(&label))
            .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
            .sum()
    }

    /// How many messages of `orders` are received and not yet settled, as the queue sees it.
    pub async fn hidden(&self) -> usize {
        let url = self.queues.queue("orders").properties().await.unwrap().url.clone();
        let name = QueueAttributeName::ApproximateNumberOfMessagesNotVisible;
        let answer = self.queues.sqs.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::All);
        answer.send().await.unwrap().attributes.unwrap()[&name].parse().unwrap()
    }

    /// Sends messages to `orders` whose bodies are `prefix-0`, `prefix-1` and so on.
    pub async fn send_many(&self, prefix: &str, messages: usize) {
        let bodies: Vec<String> = (0..messages).map(|number| format!("{prefix}-{number}")).collect();
        self.queues.send_all("orders", &bodies).await;
    }

    /// A while in which nothing happens but a long poll of an empty queue by somebody else.
    pub async fn quiet_poll(&self) {
        let messages = self.queues.receive("payments-dlq", Duration::from_secs(2), Duration::from_secs(30)).await;
        assert!(messages.is_empty());
    }

    /// Takes the one message that must be visible in `orders` by now, and says how often it had been received before.
    pub async fn take_visible(&self) -> (String, u32) {
        let messages = self.queues.receive("orders", Duration::from_secs(1), Duration::from_secs(30)).await;
        assert_eq!(messages.len(), 1, "messages in sight");
        self.queues.delete("orders", &messages[0].receipt_handle).await;
        (messages[0].body.clone(), messages[0].receive_count - 1)
    }

    /// Takes messages out of `orders` until there have been so many different ones and none is left; all their bodies,
    /// copies included.
    pub async fn drain(&self, distinct: usize) -> Vec<String> {
        let mut bodies = Vec::new();
        let what = format!("{distinct} different messages");
        eventually(&what, async || {
            let messages = self.queues.receive("orders", Duration::from_secs(1), Duration::from_secs(30)).await;
            for message in &messages {
                self.queues.delete("orders", &message.receipt_handle).await;
            }
            bodies.extend(messages.iter().map(|message| message.body.clone()));
            let so_far: HashSet<&String> = bodies.iter().collect();
            (so_far.len() >= distinct && self.queues.reported("orders").await == 0).then_some(())
        })
        .await;
        bodies
    }
}
