//! A reader who follows a page: a shell, and the programs that the page has them start in other terminals. The programs'
//! ports are free ones in the place of those on the page.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use testbed::eventually;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::binaries::binary;
use crate::page::checkout;
use crate::server::ServerLine;

/// Generous: a slow machine makes the test slow, not red.
const PATIENCE: Duration = Duration::from_secs(150);
/// What the commands say of their trouble; curl shows its progress there.
const ERRORS: &str = "errors.txt";
const END: &str = "--- the block has ended:";

pub(crate) struct Scene {
    directory: TempDir,
    /// What is set in the shell before each block.
    begin: String,
    shell: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    /// The program that was started last, and its name.
    server: Option<(String, Child)>,
    log: Arc<Mutex<String>>,
    /// What stands on the page for an address, and the address.
    ports: BTreeMap<&'static str, String>,
}

impl Scene {
    pub(crate) async fn new(begin: &str) -> Self {
        let directory = TempDir::new().unwrap();
        // As in a fresh checkout, but for what is written there.
        for entry in checkout().read_dir().unwrap() {
            let name = entry.unwrap().file_name();
            if !["data", "target", ".env", ".git"].iter().any(|left_out| *left_out == name) {
                std::os::unix::fs::symlink(checkout().join(&name), directory.path().join(&name)).unwrap();
            }
        }
        let mut bash = Command::new("bash");
        bash.current_dir(directory.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        clear_environment(&mut bash);
        let mut shell = bash.spawn().expect("the commands of the documentation need bash");
        let (mut input, output) = (shell.stdin.take().unwrap(), shell.stdout.take().unwrap());
        input.write_all(format!("exec 2>{ERRORS}\n").as_bytes()).await.unwrap();
        let output = BufReader::new(output).lines();
        let free = || format!("127.0.0.1:{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
        let ports = ["localhost:3000", "localhost:3001", "localhost:3011", "localhost:3012", "localhost:4566"]
            .map(|port| (port, free()));
        Self {
            directory,
            begin: begin.to_owned(),
            shell,
            input,
            output,
            server: None,
            log: Arc::default(),
            ports: ports.into(),
        }
    }

    /// Has the shell carry out `block`, and returns what it says; with how that ended, if not well.
    pub(crate) async fn run(&mut self, block: &str) -> Result<String, String> {
        let block = self.translated(&format!("{}\n{block}", self.begin)).await;
        self.input.write_all(format!("{block}\necho; echo '{END}' $?\n").as_bytes()).await.unwrap();
        let mut said = String::new();
        loop {
            let line = timeout(PATIENCE, self.output.next_line()).await;
            let Ok(line) = line else { return Err(format!("{said}and goes on")) };
            let line = line.unwrap().expect("the shell goes on");
            match line.strip_prefix(END) {
                Some(" 0") => return Ok(said),
                Some(code) => {
                    let errors = std::fs::read_to_string(self.directory.path().join(ERRORS)).unwrap();
                    return Err(format!("{said}exit code{code}: {errors}"));
                }
                None => said += &format!("{line}\n"),
            }
        }
    }

    /// The block with this scene's addresses, programs and processes.
    async fn translated(&self, block: &str) -> String {
        let mut block = block.to_owned();
        for (page, port) in &self.ports {
            block = block.replace(page, port);
        }
        for package in ["order-service", "payment-service"] {
            let run = format!("cargo run -q -p {package} -- ");
            if block.contains(&run) {
                block = block.replace(&run, &format!("{} ", binary(package).await.display()));
            }
        }
        if let Some((name, server)) = &self.server {
            let pid = server.id().map_or("gone".to_owned(), |pid| pid.to_string());
            block = block.replace(&format!("$(pgrep -nx {name})"), &pid);
        }
        block
    }

    /// Starts a program as in a terminal of its own, in the place of the one before, which is ended as by Ctrl-C.
    pub(crate) async fn start(&mut self, line: &ServerLine) {
        if let Some((_, mut before)) = self.server.take() {
            interrupt(&before).await;
            before.wait().await.unwrap();
        }
        let mut command = Command::new(binary(&line.program).await);
        command.current_dir(self.directory.path()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        clear_environment(&mut command);
        for (name, value) in &line.variables {
            command.env(name, self.translated(value).await);
        }
        let port = |page| self.ports[page].rsplit(':').next().unwrap().to_owned();
        command.env("PORT", port("localhost:3001")).args(&line.arguments);
        match line.program.as_str() {
            "order-service" => _ = command.env("ADMIN_PORT", port("localhost:3011")),
            "payment-service" => _ = command.env("ADMIN_PORT", port("localhost:3012")),
            _ => {}
        }
        let mut child = command.spawn().unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        keep(BufReader::new(stdout).lines(), [self.log.clone(), said.clone()]);
        keep(BufReader::new(stderr).lines(), [self.log.clone(), said.clone()]);
        eventually(&format!("{} is up: {}", line.program, line.up()), async || {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "{} has ended, {ended:?}: {}", line.program, said.lock().unwrap());
            said.lock().unwrap().contains(line.up()).then_some(())
        })
        .await;
        if line.program == "quickstart" {
            self.find_ports(&said.lock().unwrap().clone());
        }
        self.server = Some((line.program.clone(), child));
    }

    /// `cargo run` chooses other ports by itself when those on the page are taken, and says which.
    fn find_ports(&mut self, introduction: &str) {
        let words = |label: &str| {
            let line = introduction.lines().filter_map(|line| line.trim().strip_prefix(label)).next_back();
            line.unwrap_or_else(|| panic!("no {label} in {introduction}")).split_whitespace().collect::<Vec<_>>()
        };
        let address = |url: &str| url.split('/').nth(2).unwrap().to_owned();
        let metrics = words("Metrics ");
        self.ports = [
            ("localhost:3000", address(words("Console ")[0])),
            ("localhost:3001", address(words("API ")[0])),
            ("localhost:3011", address(metrics[0])),
            ("localhost:3012", address(metrics[1])),
            ("localhost:4566", address(words("Queue ")[0])),
        ]
        .into();
    }

    /// What the programs have said until now.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Ends everything that was started.
    pub(crate) async fn end(mut self) {
        if let Some((_, server)) = &mut self.server {
            server.kill().await.unwrap();
        }
        self.shell.kill().await.unwrap();
    }
}

async fn interrupt(child: &Child) {
    if let Some(pid) = child.id() {
        Command::new("kill").args(["-INT", &pid.to_string()]).status().await.unwrap();
    }
}

fn keep<R: tokio::io::AsyncRead + Unpin + Send + 'static>(
    mut lines: Lines<BufReader<R>>,
    logs: [Arc<Mutex<String>>; 2],
) {
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            for log in &logs {
                log.lock().unwrap().push_str(&format!("{line}\n"));
            }
        }
    });
}

/// Nothing of the one who runs the test, but where programs are.
fn clear_environment(command: &mut Command) {
    let kept = ["PATH", "HOME"].map(|name| (name, std::env::var_os(name).unwrap_or_default()));
    command.env_clear().envs(kept);
}

/// Whether a program that the pages use is there.
pub(crate) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| Path::new(&directory).join(program).is_file())
}
