//! The real binary, with an environment and a working directory of its own.

use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::Scene;

/// The binary with these arguments and variables, and no others.
fn command(directory: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_payment-service"));
    command.args(arguments).env_clear().envs(environment.iter().copied()).current_dir(directory);
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs the binary to its end.
pub(crate) async fn run(directory: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    command(directory, arguments, environment).output().await.unwrap()
}

/// A running worker process that logs JSON.
pub(crate) struct Process {
    child: Child,
    lines: Arc<Mutex<Vec<Value>>>,
    reader: JoinHandle<()>,
}

impl Process {
    /// Starts a worker on the scene's queues and database.
    pub(crate) fn start(scene: &Scene, directory: &Path, environment: &[(&str, &str)]) -> Self {
        let (orders, payments) = (scene.queues.name("orders"), scene.queues.name("payments"));
        let mut all = vec![
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_ENDPOINT_URL", &scene.queues.url),
            ("DATABASE_URL", &scene.database_url),
            ("ORDERS_QUEUE", &orders),
            ("PAYMENTS_QUEUE", &payments),
            ("ADMIN_PORT", "0"),
            ("LOG_FORMAT", "json"),
        ];
        all.extend_from_slice(environment);
        let mut child = command(directory, &[], &all).stdout(Stdio::piped()).spawn().unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let reader = tokio::spawn({
            let lines = lines.clone();
            async move {
                while let Some(line) = stdout.next_line().await.unwrap() {
                    let line = serde_json::from_str(&line).expect("every line is JSON");
                    lines.lock().unwrap().push(line);
                }
            }
        });
        Self { child, lines, reader }
    }

    /// The lines so far with this message.
    pub(crate) fn logged(&self, message: &str) -> Vec<Value> {
        self.lines.lock().unwrap().iter().filter(|line| line["message"] == message).cloned().collect()
    }

    /// Sends SIGTERM, as `docker stop` does, and returns the exit code and all that was logged.
    pub(crate) async fn terminate(mut self) -> (Option<i32>, Vec<Value>) {
        let id = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
        let status = self.child.wait().await.unwrap();
        self.reader.await.unwrap();
        let lines = std::mem::take(&mut *self.lines.lock().unwrap());
        (status.code(), lines)
    }
}
