//! `cargo run` as a process.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail where it stands")]

use std::process::{ExitStatus, Stdio};

use serde_json::json;
use tempfile::TempDir;
use testbed::{eventually, http_client};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

struct Process {
    child: Child,
    api: String,
    /// What it printed on the way to its curl line.
    introduction: String,
    _directory: TempDir,
}

impl Process {
    async fn start(variables: &[(&str, &str)]) -> Self {
        let directory = TempDir::new().unwrap();
        let mut child = command(&directory, variables).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (mut api, mut introduction) = (None, String::new());
        while !introduction.contains("curl ") {
            let line = lines.next_line().await.unwrap().expect("it introduces itself");
            api = line.trim().strip_prefix("API ").map(|api| api.trim().to_owned()).or(api);
            introduction += &line;
        }
        let api = api.expect("it says where the API is");
        // Read on, so that it never waits for somebody to.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { child, api, introduction, _directory: directory }
    }

    async fn tell(&self, signal: &str) {
        let pid = self.child.id().unwrap().to_string();
        Command::new("kill").args([signal, &pid]).status().await.unwrap();
    }

    async fn interrupt(mut self) -> ExitStatus {
        self.tell("-INT").await;
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
async fn a_value_that_cannot_be_used_stops_it_before_it_opens_anything() {
    let directory = TempDir::new().unwrap();
    // The last two are read by both services.
    let bad = [
        ("PORT", "http"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318"),
        ("LOG_FORMAT", "xml"),
        ("SHUTDOWN_TIMEOUT_SECONDS", "0"),
        ("RETRY_BASE_SECONDS", "many"),
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

#[tokio::test]
async fn the_introduction_says_whether_payments_are_real() {
    let simulated = Process::start(&[]).await;
    assert!(simulated.introduction.contains("simulated, nobody is charged"), "{}", simulated.introduction);
    let real = Process::start(&[("PAYMENT_PROVIDER_URL", "http://127.0.0.1:9")]).await;
    assert!(!real.introduction.contains("simulated"), "{}", real.introduction);
    assert!(simulated.interrupt().await.success() && real.interrupt().await.success());
}

#[tokio::test]
async fn what_is_decided_here_is_not_asked_for_in_a_shared_configuration() {
    let elsewhere = [("DATABASE_URL", "postgres://127.0.0.1:1/nowhere"), ("ADMIN_PORT", "http")];
    assert!(Process::start(&elsewhere).await.interrupt().await.success());
}

#[tokio::test]
async fn it_takes_orders_while_its_delay_is_not_over_and_a_second_signal_ends_it() {
    // Longer than the test.
    let process = Process::start(&[("SHUTDOWN_DELAY_SECONDS", "300")]).await;
    let readyz = process.api.replace("/orders", "/readyz");
    process.tell("-INT").await;
    let status = async || http_client().get(&readyz).send().await.unwrap().status();
    eventually("it is not ready any more", async || (status().await == 503).then_some(())).await;
    let order = http_client().post(&process.api).json(&json!({ "userId": "dev-user", "total": 42.00 }));
    assert_eq!(order.send().await.unwrap().status(), 202);
    assert_eq!(process.interrupt().await.code(), Some(130));
}
