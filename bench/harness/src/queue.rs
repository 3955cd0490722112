//! The SQS endpoint of a measurement: the embedded queue, as a process of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::http::{Connection, request};
use crate::process::{Process, command, free_address};

const PATIENCE: Duration = Duration::from_secs(600);
/// How often is looked: costs the endpoint a hundredth of a core.
const LOOK: Duration = Duration::from_millis(20);

/// A fresh endpoint with the project's queues.
pub(crate) struct Queue {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    connection: Connection,
}

impl Queue {
    pub(crate) async fn start(program: &Path, definitions: &Path, directory: &Path) -> Result<Self> {
        Self::start_at(free_address()?, program, definitions, directory).await
    }

    pub(crate) async fn start_at(
        address: SocketAddr,
        program: &Path,
        definitions: &Path,
        directory: &Path,
    ) -> Result<Self> {
        let mut queue = command(program, &[]);
        queue.arg("--listen").arg(address.to_string()).arg("--queues").arg(definitions);
        let process = Process::start("embedded-queue", &mut queue, directory, false)?;
        let start = Instant::now();
        let connection = loop {
            match Connection::open(address).await {
                Ok(connection) => break connection,
                Err(error) if start.elapsed() > Duration::from_secs(10) => return Err(error),
                Err(_) => sleep(Duration::from_millis(1)).await,
            }
        };
        let mut queue = Self { process, address, connection };
        while queue.waiting("payments").await.is_err() {
            ensure!(start.elapsed() < Duration::from_secs(10), "the embedded queue makes no queues; see its log");
        }
        Ok(queue)
    }

    /// What points an SDK here.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        variables(self.address)
    }

    /// Messages in a queue: visible, and received but not deleted.
    pub(crate) async fn waiting(&mut self, queue: &str) -> Result<usize> {
        let names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
        let asked = json!({ "QueueUrl": self.url(queue), "AttributeNames": names });
        let answer = self.call("GetQueueAttributes", &asked).await?;
        let count = |name: &str| -> Result<usize> {
            Ok(answer["Attributes"][name].as_str().with_context(|| format!("no {name}"))?.parse()?)
        };
        Ok(count(names[0])? + count(names[1])?)
    }

    /// Waits until a queue holds so many messages, or more.
    pub(crate) async fn holds(&mut self, queue: &str, messages: usize) -> Result<()> {
        let start = Instant::now();
        while self.waiting(queue).await? < messages {
            pause(start).await?;
        }
        Ok(())
    }

    /// Waits until both queues are empty at once.
    pub(crate) async fn empty(&mut self) -> Result<()> {
        let start = Instant::now();
        while self.waiting("orders").await? + self.waiting("payments").await? > 0 {
            pause(start).await?;
        }
        Ok(())
    }

    /// Sends so many copies of `body`, ten in a call.
    pub(crate) async fn fill(&mut self, queue: &str, body: &str, messages: usize) -> Result<()> {
        let entry = |id: usize| json!({ "Id": id.to_string(), "MessageBody": body });
        for start in (0..messages).step_by(10) {
            let entries: Vec<_> = (0..(messages - start).min(10)).map(entry).collect();
            let batch = json!({ "QueueUrl": self.url(queue), "Entries": entries });
            let answer = self.call("SendMessageBatch", &batch).await?;
            ensure!(answer["Failed"].as_array().is_none_or(Vec::is_empty), "not all were sent: {answer}");
        }
        Ok(())
    }

    fn url(&self, queue: &str) -> String {
        format!("http://{}/000000000000/{queue}", self.address)
    }

    async fn call(&mut self, action: &str, body: &Value) -> Result<Value> {
        let headers = format!("content-type: application/x-amz-json-1.0\r\nx-amz-target: AmazonSQS.{action}\r\n");
        let answer = self.connection.call(&request("POST", "/", &headers, &body.to_string())).await?;
        let text = String::from_utf8_lossy(answer.body);
        ensure!(answer.status == 200, "{action}: {text}");
        Ok(serde_json::from_str(&text)?)
    }
}

async fn pause(start: Instant) -> Result<()> {
    if start.elapsed() > PATIENCE {
        bail!("the queues are not as expected after {PATIENCE:?}");
    }
    sleep(LOOK).await;
    Ok(())
}

/// What points an SDK at an endpoint.
pub(crate) fn variables(address: SocketAddr) -> Vec<(&'static str, String)> {
    let [region, key] = ["us-east-1", "test"].map(str::to_owned);
    vec![
        ("AWS_ENDPOINT_URL", format!("http://{address}")),
        ("AWS_REGION", region),
        ("AWS_ACCESS_KEY_ID", key.clone()),
        ("AWS_SECRET_ACCESS_KEY", key),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
    ]
}
