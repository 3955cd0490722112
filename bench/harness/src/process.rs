//! A process that is measured: started with nothing of this one's environment, and killed with its owner.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::sleep;

use crate::http;

/// The kernel's unit of time in `/proc/PID/stat`, on every Linux there is.
const TICK: Duration = Duration::from_millis(10);
const PATIENCE: Duration = Duration::from_secs(30);
const QUIET: Duration = Duration::from_millis(300);

/// One running program.
pub(crate) struct Process {
    name: String,
    child: Child,
    pid: u32,
    started: Instant,
}

impl Process {
    /// Starts `program` in `/`, so that no `.env` is found; what it prints goes to `NAME.log` in `directory`, unless it is
    /// a pipe that is wanted.
    pub(crate) fn start(name: &str, command: &mut Command, directory: &Path, piped: bool) -> Result<Self> {
        let log = fs::File::options().create(true).append(true).open(directory.join(format!("{name}.log")))?;
        command.stderr(log.try_clone()?).current_dir("/").kill_on_drop(true);
        if piped {
            command.stdout(Stdio::piped()).stdin(Stdio::piped());
        } else {
            command.stdout(log).stdin(Stdio::null());
        }
        let started = Instant::now();
        let child = command.spawn().with_context(|| format!("{name} does not start: {:?}", command.as_std()))?;
        let pid = child.id().context("a process without an id")?;
        Ok(Self { name: name.to_owned(), child, pid, started })
    }

    /// Waits until `path` answers 200; how long that took since the start.
    pub(crate) async fn ready(&mut self, address: SocketAddr, path: &str) -> Result<Duration> {
        while !matches!(http::get(address, path).await, Ok((200, _))) {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} has ended with {status} instead of becoming ready; see its log", self.name);
            }
            if self.started.elapsed() > PATIENCE {
                bail!("{} is not ready after {PATIENCE:?}", self.name);
            }
            sleep(Duration::from_millis(1)).await;
        }
        Ok(self.started.elapsed())
    }

    /// Waits until the process has said that it is ready.
    pub(crate) async fn says_ready(&mut self) -> Result<()> {
        let said = BufReader::new(self.child.stdout.as_mut().context("no pipe")?).lines().next_line().await?;
        match said.as_deref() {
            Some("ready") => Ok(()),
            other => bail!("{} says {other:?} instead of being ready; see its log", self.name),
        }
    }

    /// Tells the process to begin.
    pub(crate) async fn go(&mut self) -> Result<()> {
        Ok(self.child.stdin.as_mut().context("no pipe")?.write_all(b"go\n").await?)
    }

    /// The CPU time that it has spent since its start, to 10 ms.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        cpu(self.pid).with_context(|| format!("{} has ended; see its log", self.name))
    }

    /// The same to the nanosecond, but only of the threads that are alive.
    pub(crate) fn cpu_of_living_threads(&self) -> Result<Duration> {
        let mut sum = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.pid))? {
            let account = fs::read_to_string(thread?.path().join("schedstat"))?;
            sum += account.split(' ').next().context("an empty account")?.parse::<u64>()?;
        }
        Ok(Duration::from_nanos(sum))
    }

    /// Resident memory now, in MB.
    pub(crate) fn resident(&self) -> Result<f64> {
        self.status("VmRSS:")
    }

    /// The most there has been, in MB.
    pub(crate) fn peak(&self) -> Result<f64> {
        self.status("VmHWM:")
    }

    fn status(&self, key: &str) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find(|line| line.starts_with(key)).with_context(|| format!("no {key}"))?;
        let kibibytes: f64 = line.split_whitespace().nth(1).context("an empty line")?.parse()?;
        Ok(kibibytes * 1024.0 / 1e6)
    }

    /// Kills it and waits for its end.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }
}

/// A command that sees the search path, these variables, and nothing else.
pub(crate) fn command(program: &Path, variables: &[(&str, String)]) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    command
}

/// The CPU time of any process, its dead threads included.
pub(crate) fn cpu(pid: u32) -> Result<Duration> {
    let [user, system] = stat(pid, [14, 15])?;
    Ok(TICK * (user + system) as u32)
}

/// Fields of `/proc/PID/stat`, numbered as in proc_pid_stat(5).
pub(crate) fn stat<const N: usize>(pid: u32, numbers: [usize; N]) -> Result<[u64; N]> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is a name in brackets, which may hold anything.
    let (_, rest) = stat.rsplit_once(") ").context("no name in stat")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let mut values = [0; N];
    for (value, number) in values.iter_mut().zip(numbers) {
        *value = fields.get(number - 3).context("stat is too short")?.parse()?;
    }
    Ok(values)
}

/// Waits until what runs on by itself has ended: the processes spend next to nothing any more.
pub(crate) async fn quiet(processes: &[&Process]) -> Result<()> {
    let spent = || processes.iter().map(|process| process.cpu()).sum::<Result<Duration>>();
    let (started, mut before) = (Instant::now(), spent()?);
    loop {
        sleep(QUIET).await;
        let now = spent()?;
        if now - before <= TICK * processes.len() as u32 {
            return Ok(());
        }
        if started.elapsed() > 4 * PATIENCE {
            bail!("there is nothing more to do, and still the processes are busy");
        }
        before = now;
    }
}

/// An address where nobody listens.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
