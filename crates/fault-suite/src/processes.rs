//! A service as a child process.

use std::fs::File;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;
use tokio::process::{Child, Command};

use crate::patiently;

/// A running service; killed when it is dropped. Its log is a file, so that its last words survive any kill.
pub struct Process {
    child: Child,
    log: PathBuf,
    /// Where clients find it.
    pub(crate) url: String,
}

impl Process {
    /// Starts `command`, whose output goes into the file `log`.
    pub fn start(mut command: Command, log: PathBuf) -> Self {
        let file = File::create(&log).unwrap();
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file).kill_on_drop(true);
        Self { child: command.spawn().unwrap(), log, url: String::new() }
    }

    /// Waits until it is up, and returns what it logged then: its addresses, among others.
    pub async fn up(&mut self) -> Value {
        patiently("a process that is up", async || {
            if let Some(line) = self.lines().into_iter().find(|line| line["admin_address"].is_string()) {
                return Some(line);
            }
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "ended at once, {ended:?}: {}", std::fs::read_to_string(&self.log).unwrap());
            None
        })
        .await
    }

    /// All that it has logged so far.
    pub fn lines(&self) -> Vec<Value> {
        let log = std::fs::read_to_string(&self.log).unwrap();
        log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// How many lines with this message it has logged so far.
    pub fn logged(&self, message: &str) -> usize {
        self.lines().iter().filter(|line| line["message"] == message).count()
    }

    /// The most receives that a message has had, as it has logged so far.
    pub fn most_receives(&self) -> u64 {
        self.lines()
            .iter()
            .filter(|line| line["message_id"].is_string())
            .filter_map(|line| line["attempt"].as_u64())
            .max()
            .unwrap_or(0)
    }

    /// Ends it by SIGKILL.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Ends it by SIGTERM, which it must take as it should.
    pub(crate) async fn stop(mut self) {
        self.signal("-TERM").await;
        let ended = self.child.wait().await.unwrap();
        assert!(ended.success(), "it has not stopped in good order: {ended}");
    }

    /// Holds it with SIGSTOP.
    pub async fn freeze(&self) {
        self.signal("-STOP").await;
    }

    /// Lets it go on with SIGCONT.
    pub async fn thaw(&self) {
        self.signal("-CONT").await;
    }

    async fn signal(&self, signal: &str) {
        let status = Command::new("kill").arg(signal).arg(self.child.id().unwrap().to_string()).status().await;
        assert!(status.unwrap().success());
    }
}
