//! What a scenario has to itself: queues, databases, a provider, processes and clients.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::{Databases, Queues, eventually};
use tokio::process::Command;

use crate::load::Clients;
use crate::{Process, Provider, binaries};

/// One system under test.
pub struct Scene {
    /// Its queues.
    pub queues: Queues,
    /// Its payment provider.
    pub provider: Provider,
    /// The order service's `DATABASE_URL`.
    pub orders_database: String,
    /// The payment service's.
    pub payments_database: String,
    /// Where the services find SQS.
    pub endpoint: String,
    /// `VISIBILITY_TIMEOUT_SECONDS`
    pub visibility_timeout: u32,
    /// `OUTBOX_CAP`
    pub outbox_cap: usize,
    pub(crate) clients: Clients,
    /// Of all processes started so far.
    logs: Option<TempDir>,
    started: AtomicUsize,
    databases: Databases,
}

impl Scene {
    /// A system of which nothing runs yet.
    pub async fn new(provider: Provider) -> Self {
        let (queues, databases) = (Queues::start().await, Databases::new());
        Self {
            endpoint: queues.url.clone(),
            orders_database: databases.create_url().await,
            payments_database: databases.create_url().await,
            queues,
            provider,
            visibility_timeout: 2,
            outbox_cap: 100_000,
            clients: Clients::new(),
            logs: Some(TempDir::with_prefix("fault-suite-").unwrap()),
            started: AtomicUsize::new(0),
            databases,
        }
    }

    /// Whether the databases are on PostgreSQL.
    pub fn on_postgres(&self) -> bool {
        self.databases.on_postgres()
    }

    /// Starts an instance of the order service, waits until it is up and sends the clients there, as to all others.
    pub async fn order_service(&self) -> Process {
        let mut command = self.command(&binaries().await.order_service);
        command.env("DATABASE_URL", &self.orders_database).env("OUTBOX_CAP", self.outbox_cap.to_string());
        let mut process = Process::start(command, self.log("order-service"));
        let up = process.up().await;
        let port = up["address"].as_str().unwrap().rsplit(':').next().unwrap();
        process.url = format!("http://127.0.0.1:{port}");
        self.clients.front_door.send_modify(|instances| instances.push(process.url.clone()));
        process
    }

    /// Kills an instance of the order service; its clients go to another one, or wait for the next one.
    pub async fn kill_order_service(&self, process: Process) {
        let url = process.url.clone();
        process.kill().await;
        self.clients.front_door.send_modify(|instances| instances.retain(|instance| *instance != url));
    }

    /// Has an instance of the order service stop in good order, under load: clients find out by themselves.
    pub async fn stop_order_service(&self, process: Process) {
        let url = process.url.clone();
        process.stop().await;
        self.clients.front_door.send_modify(|instances| instances.retain(|instance| *instance != url));
    }

    /// Starts a worker, and does not wait until it is up.
    pub async fn worker(&self) -> Process {
        Process::start(self.worker_command().await, self.log("payment-service"))
    }

    /// Runs `payment-service dlq … --output json`, as an operator would: again, if an answer was lost on the way.
    pub async fn dlq(&self, arguments: &[&str]) -> Value {
        eventually("the dead-letter command succeeds", async || {
            let mut command = self.worker_command().await;
            let output = command.arg("dlq").args(arguments).args(["--output", "json"]).output().await.unwrap();
            if !output.status.success() {
                eprintln!("dlq {arguments:?}: {output:?}");
                return None;
            }
            Some(serde_json::from_slice(&output.stdout).unwrap())
        })
        .await
    }

    /// Sends all dead letters back, and returns how many there were.
    pub async fn redrive(&self) -> usize {
        let mut redriven = 0;
        for queue in ["orders", "payments"] {
            let told = self.dlq(&["redrive", "--all", "--queue", queue]).await;
            redriven += told["redriven"].as_u64().unwrap() as usize;
        }
        redriven
    }

    /// Orders accepted so far.
    pub fn accepted(&self) -> usize {
        self.clients.accepted()
    }

    /// Requests so far that were answered otherwise, or not at all.
    pub fn refused(&self) -> usize {
        self.clients.refused()
    }

    /// Lets messages be received a thousand times before they are dead-lettered, instead of five times: a process that is
    /// killed over and over uses up receives of messages that are in perfect order. To be called before any process is
    /// started.
    pub async fn allow_many_receives(&self) {
        for queue in ["orders", "payments"] {
            let properties = self.queues.queue(queue).properties().await.unwrap();
            let dead_letters = self.queues.queue(&format!("{queue}-dlq")).properties().await.unwrap().arn.clone();
            let policy = json!({ "deadLetterTargetArn": dead_letters, "maxReceiveCount": 1000 }).to_string();
            let call = self.queues.sqs.set_queue_attributes().queue_url(&properties.url);
            call.attributes("RedrivePolicy".into(), policy).send().await.unwrap();
        }
    }

    /// Takes so many messages out of a queue, and returns their bodies.
    pub async fn drain(&self, queue: &str, messages: usize) -> Vec<String> {
        let mut bodies = Vec::new();
        while bodies.len() < messages {
            for message in self.queues.receive(queue, Duration::from_secs(1), Duration::from_secs(60)).await {
                self.queues.delete(queue, &message.receipt_handle).await;
                bodies.push(message.body);
            }
        }
        bodies
    }

    async fn worker_command(&self) -> Command {
        let mut command = self.command(&binaries().await.payment_service);
        command.env("DATABASE_URL", &self.payments_database).env("PAYMENT_PROVIDER_URL", &self.provider.url);
        command
    }

    fn command(&self, binary: &PathBuf) -> Command {
        let mut command = Command::new(binary);
        let directory = self.logs.as_ref().unwrap().path();
        command.env_clear().current_dir(directory).env("HOME", directory).env("AWS_EC2_METADATA_DISABLED", "true");
        command.env("AWS_REGION", "us-east-1").env("AWS_ENDPOINT_URL", &self.endpoint);
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        command.env("ORDERS_QUEUE", self.queues.name("orders")).env("PAYMENTS_QUEUE", self.queues.name("payments"));
        command.env("PORT", "0").env("ADMIN_PORT", "0").env("LOG_FORMAT", "json").env("RETRY_BASE_SECONDS", "1");
        command.env("VISIBILITY_TIMEOUT_SECONDS", self.visibility_timeout.to_string());
        command.env("SHUTDOWN_TIMEOUT_SECONDS", "2");
        command
    }

    fn log(&self, service: &str) -> PathBuf {
        let number = self.started.fetch_add(1, Ordering::SeqCst);
        self.logs.as_ref().unwrap().path().join(format!("{number:04}-{service}.log"))
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let kept = self.logs.take().map(TempDir::keep);
            eprintln!("the processes' logs are kept in {kept:?}");
        }
    }
}
