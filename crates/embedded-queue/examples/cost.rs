//! What an SQS endpoint costs: its CPU per message in and out, with more and more messages waiting, and its memory per
//! waiting message. Through HTTP, in batches of ten, of a process that is running already:
//! `cargo run -p embedded-queue --example cost -- http://127.0.0.1:4566 PID`. Only the endpoint needs to be a release build:
//! what this program itself spends is not counted.

use std::error::Error;
use std::fs;

use reqwest::Client;
use serde_json::{Value, json};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const BODY_BYTES: usize = 300;
/// Messages that go in and out while so many others wait.
const MEASURED: usize = 10_000;
const BACKLOGS: [usize; 3] = [2_000, 20_000, 400_000];
const CONNECTIONS: usize = 4;

#[derive(Clone)]
struct Endpoint {
    http: Client,
    url: String,
    pid: u32,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(pid)) = (arguments.next(), arguments.next()) else {
        return Err("usage: cost URL PID, of a running endpoint".into());
    };
    let endpoint = Endpoint { http: testbed::http_client(), url, pid: pid.parse()? };
    println!("waiting    µs CPU per message: in    handed out    deleted    bytes of memory per waiting message");
    let idle = endpoint.resident_bytes()?;
    for backlog in BACKLOGS {
        endpoint.measure(backlog, idle).await?;
    }
    Ok(())
}

impl Endpoint {
    async fn measure(&self, backlog: usize, idle: usize) -> Result<()> {
        let created = self.call("CreateQueue", &json!({ "QueueName": format!("cost-{backlog}") })).await?;
        let queue = created["QueueUrl"].as_str().ok_or("no queue")?.to_owned();
        self.send(&queue, backlog).await?;
        // Of the largest backlog this says most: what the smaller ones have left behind is used again.
        let per_message = self.resident_bytes()?.saturating_sub(idle) / backlog;

        let (start, mut handed_out, mut deleted) = (self.cpu_nanoseconds()?, 0, 0);
        self.send(&queue, MEASURED).await?;
        let sent = self.cpu_nanoseconds()? - start;
        for _ in 0..MEASURED / 10 {
            let start = self.cpu_nanoseconds()?;
            let received =
                self.call("ReceiveMessage", &json!({ "QueueUrl": queue, "MaxNumberOfMessages": 10 })).await?;
            let messages = received["Messages"].as_array().filter(|messages| messages.len() == 10);
            let entry = |(id, message): (usize, &Value)| json!({ "Id": id.to_string(), "ReceiptHandle": message["ReceiptHandle"] });
            let entries: Vec<_> = messages.ok_or("fewer than ten messages")?.iter().enumerate().map(entry).collect();
            let between = self.cpu_nanoseconds()?;
            self.call("DeleteMessageBatch", &json!({ "QueueUrl": queue, "Entries": entries })).await?;
            handed_out += between - start;
            deleted += self.cpu_nanoseconds()? - between;
        }
        let [sent, handed_out, deleted] =
            [sent, handed_out, deleted].map(|nanoseconds| nanoseconds as f64 / 1_000.0 / MEASURED as f64);
        println!("{backlog:>7} {sent:>27.1} {handed_out:>13.1} {deleted:>10.1} {per_message:>39}");
        self.call("DeleteQueue", &json!({ "QueueUrl": queue })).await?;
        Ok(())
    }

    async fn send(&self, queue: &str, messages: usize) -> Result<()> {
        let entry = |id: usize| json!({ "Id": id.to_string(), "MessageBody": "x".repeat(BODY_BYTES) });
        let batch = json!({ "QueueUrl": queue, "Entries": (0..10).map(entry).collect::<Vec<_>>() });
        let connection = async || -> Result<()> {
            for _ in 0..messages / 10 / CONNECTIONS {
                let answer = self.call("SendMessageBatch", &batch).await?;
                if answer["Successful"].as_array().map(Vec::len) != Some(10) {
                    return Err(format!("not all were sent: {answer}").into());
                }
            }
            Ok(())
        };
        futures::future::try_join_all((0..CONNECTIONS).map(|_| connection())).await?;
        Ok(())
    }

    async fn call(&self, action: &str, body: &Value) -> Result<Value> {
        let request = self
            .http
            .post(&self.url)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("AmazonSQS.{action}"))
            .body(body.to_string());
        let text = request.send().await?.error_for_status()?.text().await?;
        Ok(if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? })
    }

    /// What all threads of the process have spent, to the nanosecond (the kernel's own account).
    fn cpu_nanoseconds(&self) -> Result<u64> {
        let mut sum = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.pid))? {
            let account = fs::read_to_string(thread?.path().join("schedstat"))?;
            sum += account.split(' ').next().ok_or("no account")?.parse::<u64>()?;
        }
        Ok(sum)
    }

    fn resident_bytes(&self) -> Result<usize> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("no VmRSS")?;
        let kilobytes: usize = line.split_whitespace().nth(1).ok_or("no VmRSS")?.parse()?;
        Ok(kilobytes * 1024)
    }
}
