//! The binary: its configuration, its health check, its end.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use testbed::{Databases, Queues, eventually};
use tokio::task::spawn_blocking;

use crate::answer::Answer;
use crate::events::{once_each, told};

/// The binary in `directory`, with nothing in its environment.
pub(crate) fn binary(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_order-service"));
    command.env_clear().current_dir(directory).env("HOME", directory).env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

/// Runs the binary to its end.
pub(crate) async fn run(mut command: Command) -> Output {
    spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn is_empty(directory: &TempDir) -> bool {
    directory.path().read_dir().unwrap().next().is_none()
}

/// A running process that ends with the test.
struct Process {
    child: Child,
    url: String,
    admin_port: String,
}

impl Process {
    /// Starts the service on free ports, and reads from its log which they are.
    async fn start(directory: &Path, queues: &Queues, databases: &Databases) -> Self {
        Self::start_with(directory, queues, databases, &[]).await
    }

    async fn start_with(directory: &Path, queues: &Queues, databases: &Databases, variables: &[(&str, &str)]) -> Self {
        let mut command = binary(directory);
        command
            .env("PORT", "0")
            .env("ADMIN_PORT", "0")
            .env("LOG_FORMAT", "json")
            .env("DATABASE_URL", databases.create_url().await);
        command.env("ORDERS_QUEUE", queues.name("orders")).env("PAYMENTS_QUEUE", queues.name("payments"));
        command.env("AWS_REGION", "us-east-1").env("AWS_ENDPOINT_URL", &queues.url);
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        // It does not wait for the end of the open long poll, which may take 20 s.
        command.env("SHUTDOWN_TIMEOUT_SECONDS", "1").envs(variables.iter().copied());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stdout.take().unwrap()).lines();
        let up = spawn_blocking(move || {
            let mut lines = log.by_ref().map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
            let up = lines.find(|line| line["message"] == "order service up").unwrap();
            // Nobody else reads on, and a full pipe would stop the service.
            std::thread::spawn(move || log.for_each(drop));
            up
        });
        let up = up.await.unwrap();
        let port = |field: &str| up[field].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
        let (url, admin_port) = (format!("http://127.0.0.1:{}", port("address")), port("admin_address"));
        Self { child, url, admin_port }
    }

    /// Sends it a signal and returns its exit code.
    async fn signal(mut self, signal: &str) -> Option<i32> {
        self.tell(signal);
        eventually("the process has ended", async || self.child.try_wait().unwrap()).await.code()
    }
}

impl Process {
    fn tell(&self, signal: &str) {
        let kill = Command::new("kill").arg(signal).arg(self.child.id().to_string()).status();
        assert!(kill.unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended by itself, unless the test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn healthcheck(directory: &Path, admin_port: &str) -> Output {
    let mut command = binary(directory);
    command.arg("healthcheck").env("ADMIN_PORT", admin_port);
    run(command).await
}

#[tokio::test]
async fn a_bad_configuration_is_told_line_by_line_and_nothing_is_opened() {
    let directory = TempDir::new().unwrap();
    let bad = [
        ("PORT", "http", "65535"),
        ("ADMIN_PORT", "65536", "65535"),
        ("DATABASE_URL", "mysql://db/orders", "sqlite://"),
        ("ORDERS_QUEUE", "orders.fifo", "letters"),
        ("PAYMENTS_QUEUE", "a b", "letters"),
        ("OUTBOX_CAP", "0", "from 1 to"),
        ("WORKER_CONCURRENCY", "many", "from 1 to"),
        ("VISIBILITY_TIMEOUT_SECONDS", "-1", "43200"),
        ("SHUTDOWN_TIMEOUT_SECONDS", "1.5", "from 1 to"),
        ("SHUTDOWN_DELAY_SECONDS", "301", "from 0 to 300"),
        ("RETRY_BASE_SECONDS", "0", "from 1 to"),
        ("RUST_LOG", "info,=,", "filter"),
        ("LOG_FORMAT", "xml", "json"),
        ("AWS_ENDPOINT_URL", "localhost:4566", "http://"),
    ];
    let mut command = binary(directory.path());
    command.env("AWS_REGION", "us-east-1").envs(bad.map(|(name, value, _)| (name, value)));
    let output = run(command).await;
    assert_eq!((output.status.code(), output.stdout.len()), (Some(78), 0), "{output:?}");
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(told.lines().count(), bad.len(), "{told}");
    for (name, _, allowed) in bad {
        let line = told
            .lines()
            .find(|line| line.starts_with(&format!("{name}: ")))
            .unwrap_or_else(|| panic!("{name}: {told}"));
        assert!(line.contains(allowed), "says what is allowed: {line}");
    }
    assert!(is_empty(&directory));
}

#[tokio::test]
async fn a_single_bad_variable_is_enough_whatever_the_command() {
    let directory = TempDir::new().unwrap();
    for arguments in [&["serve"][..], &["healthcheck"], &[]] {
        let mut command = binary(directory.path());
        command.args(arguments).env("AWS_REGION", "us-east-1").env("PORT", "70000");
        let output = run(command).await;
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), told.lines().count()), (Some(78), 1), "{arguments:?}: {told}");
        assert!(told.starts_with("PORT: "), "{told}");
    }
    assert!(is_empty(&directory));
}

#[tokio::test]
async fn without_a_region_the_service_does_not_start() {
    let directory = TempDir::new().unwrap();
    let output = run(binary(directory.path())).await;
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), told.lines().count()), (Some(78), 1), "{told}");
    assert!(told.starts_with("AWS_REGION: "), "{told}");
    assert!(is_empty(&directory));
}

#[tokio::test]
async fn the_health_check_tells_a_running_service_from_none() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let directory = TempDir::new().unwrap();
    let process = Process::start(directory.path(), &queues, &databases).await;
    let admin_port = process.admin_port.clone();
    let output = healthcheck(directory.path(), &admin_port).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");

    assert_eq!(process.signal("-INT").await, Some(0));
    let output = healthcheck(directory.path(), &admin_port).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(!output.stderr.is_empty());
}

#[tokio::test]
async fn a_terminated_service_has_told_what_it_accepted_and_exits_with_0() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let directory = TempDir::new().unwrap();
    let process = Process::start(directory.path(), &queues, &databases).await;
    let http = testbed::http_client();
    let mut orders = Vec::new();
    for _ in 0..25 {
        let request = http.post(format!("{}/orders", process.url)).header("content-type", "application/json");
        orders.push(Answer::to(request.body(r#"{"userId":"dev-user","total":42.00}"#)).await.accepted());
    }
    assert_eq!(process.signal("-TERM").await, Some(0));
    assert_eq!(told(&queues, &orders).await, once_each(&orders));
    queues.expect_all_empty(&["orders", "orders-dlq"]).await;
}

#[tokio::test]
async fn a_terminated_service_takes_requests_until_its_delay_is_over_and_a_second_signal_ends_it() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let directory = TempDir::new().unwrap();
    // Longer than the test: it ends by the second signal.
    let delay = [("SHUTDOWN_DELAY_SECONDS", "300")];
    let process = Process::start_with(directory.path(), &queues, &databases, &delay).await;
    let http = testbed::http_client();
    process.tell("-TERM");
    for url in [process.url.clone(), format!("http://127.0.0.1:{}", process.admin_port)] {
        let status = async || http.get(format!("{url}/readyz")).send().await.unwrap().status();
        eventually("it is not ready any more", async || (status().await == 503).then_some(())).await;
    }
    let request = http.post(format!("{}/orders", process.url)).header("content-type", "application/json");
    let order = Answer::to(request.body(r#"{"userId":"dev-user","total":42.00}"#)).await.accepted();
    assert_eq!(told(&queues, std::slice::from_ref(&order)).await, once_each(std::slice::from_ref(&order)));
    assert_eq!(process.signal("-TERM").await, Some(130));
    queues.expect_all_empty(&["orders", "orders-dlq"]).await;
}

#[tokio::test]
async fn no_value_is_shown_whatever_is_wrong_with_it() {
    let directory = TempDir::new().unwrap();
    for (name, value) in [
        ("PORT", "s3cret"),
        ("DATABASE_URL", "postgres://orders@127.0.0.1:1/orders?password=s3cret"),
        ("DATABASE_URL", "postgres://orders:s3cret@127.0.0.1:1/orders"),
        ("DATABASE_URL", "postgres://127.0.0.1:1/orders?passwort=s3cret"),
        ("AWS_ENDPOINT_URL", "http://user:s3cret@localhost:4566"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318?key=s3cret"),
        ("AUTH_JWT_SECRET", "s3cret"),
        ("AUTH_JWT_PUBLIC_KEY_FILE", "/s3cret.pem"),
        ("RUST_LOG", "s3cret=loud"),
        ("CORS_ALLOWED_ORIGINS", "s3cret"),
    ] {
        let mut command = binary(directory.path());
        command.env("AWS_REGION", "us-east-1").env("PORT", "0").env("ADMIN_PORT", "0").env(name, value);
        let output = run(command).await;
        assert!(matches!(output.status.code(), Some(78 | 1)), "{name}: {output:?}");
        let told = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
        assert!(!told.is_empty() && !told.contains("s3cret"), "{name}: {told}");
    }
    let dot_env = "AWS_REGION=us-east-1\nAUTH_JWT_SECRET=s3cret in three words\ns3cret\n";
    std::fs::write(directory.path().join(".env"), dot_env).unwrap();
    let output = run(binary(directory.path())).await;
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), told.lines().count()), (Some(78), 2), "{told}");
    assert!(told.starts_with(".env line 2, AUTH_JWT_SECRET: ") && told.contains("\n.env line 3: "), "{told}");
    assert!(!told.contains("s3cret"), "{told}");
}
