//! `cargo run` as a process, and what it logs.

use std::process::Stdio;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::{eventually, http_client};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::collector::Span;

pub(crate) struct Process {
    child: Child,
    api: String,
    lines: Arc<Mutex<Vec<String>>>,
    _directory: TempDir,
}

impl Process {
    pub(crate) async fn start(variables: &[(&str, &str)]) -> Self {
        let directory = TempDir::new().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_quickstart"))
            .current_dir(directory.path())
            .env_clear()
            .env("PORT", "0")
            .env("LOG_FORMAT", "json")
            .envs(variables.iter().copied())
            .kill_on_drop(true)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let read = lines.clone();
        // It ends with the process.
        tokio::spawn(async move {
            while let Ok(Some(line)) = output.next_line().await {
                read.lock().unwrap().push(line);
            }
        });
        let api = eventually("it says where the API is", async || {
            let lines = lines.lock().unwrap();
            let api = lines.iter().find_map(|line| line.trim().strip_prefix("API "))?.trim().to_owned();
            lines.iter().any(|line| line.contains("curl ")).then_some(api)
        })
        .await;
        Self { child, api: api.trim_end_matches("/orders").to_owned(), lines, _directory: directory }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.api)
    }

    /// Places an order that continues `traceparent`, and waits until it has that status.
    pub(crate) async fn place(&self, total: f64, traceparent: Option<&str>, status: &str) -> String {
        let mut order = http_client().post(self.url("/orders")).json(&json!({ "userId": "dev-user", "total": total }));
        if let Some(traceparent) = traceparent {
            order = order.header("traceparent", traceparent);
        }
        let order: Value = order.send().await.unwrap().json().await.unwrap();
        let id = order["orderId"].as_str().unwrap().to_owned();
        self.wait_for_status(&id, status).await;
        id
    }

    /// Takes an order back, continuing `traceparent`, and waits until it has that status.
    pub(crate) async fn cancel(&self, order: &str, traceparent: &str, status: &str) {
        let cancel =
            http_client().post(self.url(&format!("/orders/{order}/cancel"))).header("traceparent", traceparent);
        cancel.send().await.unwrap().error_for_status().unwrap();
        self.wait_for_status(order, status).await;
    }

    async fn wait_for_status(&self, order: &str, status: &str) {
        let order = self.url(&format!("/orders/{order}"));
        eventually("the order has come to its end", async || {
            let answer: Value = http_client().get(&order).send().await.ok()?.json().await.ok()?;
            (answer["status"] == status).then_some(())
        })
        .await;
    }

    /// Checks that such a line has been logged within that span.
    pub(crate) fn logs(&self, message: &str, within: &Span) {
        let log = self.log();
        let line = log.iter().find(|line| line["message"] == message && line["trace_id"] == within.trace_id);
        let line = line.unwrap_or_else(|| panic!("no line {message:?} of this trace: {log:#?}"));
        assert_eq!(line["span_id"], within.span_id, "{line}");
    }

    /// The log lines so far, as objects.
    pub(crate) fn log(&self) -> Vec<Value> {
        self.lines.lock().unwrap().iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Has it stop as Ctrl-C does; whether it has ended well.
    pub(crate) async fn interrupt(&mut self) -> bool {
        let pid = self.child.id().unwrap().to_string();
        Command::new("kill").args(["-INT", &pid]).status().await.unwrap();
        self.child.wait().await.unwrap().success()
    }
}
