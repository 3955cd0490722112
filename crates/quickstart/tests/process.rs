//! `cargo run` as a process.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail where it stands")]

use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use serde_json::json;
use tempfile::TempDir;
use testbed::{eventually, http_client};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

struct Process {
    child: Child,
    api: String,
    _directory: TempDir,
}

impl Process {
    async fn start(variables: &[(&str, &str)]) -> Self {
        let directory = TempDir::new().unwrap();
        let mut child = command(&directory, variables).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let api = loop {
            let line = lines.next_line().await.unwrap().expect("it says where the API is");
            if let Some(api) = line.trim().strip_prefix("API ") {
                break api.trim().to_owned();
            }
        };
        // Read on, so that it never waits for somebody to.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { child, api, _directory: directory }
    }

    async fn interrupt(mut self) -> ExitStatus {
        let pid = self.child.id().unwrap().to_string();
        Command::new("kill").args(["-INT", &pid]).status().await.unwrap();
        self.child.wait().await.unwrap()
    }
}

fn command(directory: &TempDir, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quickstart"));
    command
        .current_dir(directory.path())
        .env_clear()
        .env("PORT", "0")
        .envs(variables.iter().copied())
        .kill_on_drop(true);
    command
}

#[tokio::test]
async fn an_order_is_one_trace_from_the_request_through_both_queues() {
    let received = Arc::new(Mutex::new(Vec::new()));
    let collector = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", collector.local_addr().unwrap());
    let spans = received.clone();
    let collect = post(async move |body: Bytes| spans.lock().unwrap().extend_from_slice(&body));
    let app = Router::new().route("/v1/traces", collect);
    let collecting = tokio::spawn(async move { axum::serve(collector, app).await.unwrap() });

    let process = Process::start(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]).await;
    let order = http_client()
        .post(&process.api)
        .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        .json(&json!({ "userId": "dev-user", "total": 42.00 }));
    let order: serde_json::Value = order.send().await.unwrap().json().await.unwrap();
    let order = format!("{}/{}", process.api, order["orderId"].as_str().unwrap());
    eventually("the order is PAID", async || {
        let answer: serde_json::Value = http_client().get(&order).send().await.ok()?.json().await.ok()?;
        (answer["status"] == "PAID").then_some(())
    })
    .await;
    assert!(process.interrupt().await.success());

    let trace_id = 0x4bf92f3577b34da6a3ce929d0e0e4736_u128.to_be_bytes();
    let exported = received.lock().unwrap().clone();
    let times = |bytes: &[u8]| exported.windows(bytes.len()).filter(|window| *window == bytes).count();
    assert_eq!(times(&trace_id), 3, "placed, charged, settled");
    assert!(times(b"place") > 0 && times(b"charge") > 0 && times(b"result") > 0);
    collecting.abort();
}

#[tokio::test]
async fn a_value_that_cannot_be_used_stops_it_before_it_opens_anything() {
    let directory = TempDir::new().unwrap();
    let bad = [
        ("PORT", "http"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318"),
        ("LOG_FORMAT", "xml"),
        ("EMBEDDED_QUEUE_UNKIND", "duplicates=2"),
    ];
    let output = command(&directory, &bad).output().await.unwrap();
    assert_eq!(output.status.code(), Some(78));
    let told = String::from_utf8(output.stderr).unwrap();
    for (name, _) in bad {
        assert_eq!(told.lines().filter(|line| line.starts_with(name)).count(), 1, "{told}");
    }
    assert_eq!(directory.path().read_dir().unwrap().count(), 0, "something was opened");
}
