//! The harness behind `bench/run` and `bench/growth`, which build what it needs and say where it is.

mod figures;
mod growth;
mod http;
mod load;
mod measure;
mod process;
mod queue;
mod report;
mod run;
mod scene;
mod storage;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};

use scene::{Build, Setup};
use storage::Server;

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Services, predecessors and peers in turn.
    Run(run::Arguments),
    /// Cost against what is stored and what is waiting.
    Growth(growth::Arguments),
}

/// Where everything is.
#[derive(Args)]
struct Place {
    /// NAME=COMMIT=BINARIES=SOURCES; this tree's first.
    #[arg(long = "build", required = true, value_parser = build)]
    builds: Vec<Build>,
    /// This tree's embedded queue.
    #[arg(long)]
    embedded_queue: PathBuf,
    /// A PostgreSQL server where databases may be made; unset: it is left out.
    #[arg(long)]
    postgres: Option<String>,
    /// A directory on a disk.
    #[arg(long)]
    scratch: PathBuf,
    /// Where the report goes.
    #[arg(long)]
    out: PathBuf,
    /// How the harness was asked for.
    #[arg(long)]
    told: String,
    /// The services' RUST_LOG.
    #[arg(long)]
    log: Option<String>,
    /// Connections of the load.
    #[arg(long, default_value_t = 64)]
    connections: usize,
}

impl Place {
    fn setup(self) -> anyhow::Result<Setup> {
        let server = self.postgres.as_deref().map(Server::new).transpose()?;
        let sources = self.builds[0].sources.clone();
        Ok(Setup {
            builds: self.builds,
            embedded_queue: self.embedded_queue,
            queue_definitions: sources.join("localstack/queues"),
            server,
            directory: self.scratch,
            connections: self.connections,
            log: self.log,
        })
    }
}

impl Setup {
    /// Does the work until it is done or Ctrl-C is pressed; in no case databases are left on the server.
    async fn cleanly<T>(&self, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
        let done = tokio::select! {
            done = work => done,
            signal = tokio::signal::ctrl_c() => signal.map_err(Into::into).and_then(|()| anyhow::bail!("interrupted")),
        };
        if let Some(server) = &self.server {
            server.clean().await.context("databases are left on the PostgreSQL server")?;
        }
        done
    }
}

fn build(argument: &str) -> Result<Build, String> {
    let parts: Vec<_> = argument.split('=').collect();
    let [name, commit, binaries, sources] = parts[..] else {
        return Err("must be NAME=COMMIT=BINARIES=SOURCES".into());
    };
    Ok(Build { name: name.into(), commit: commit.into(), binaries: binaries.into(), sources: sources.into() })
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    runtime.block_on(async {
        match command {
            Command::Run(arguments) => run::run(arguments).await,
            Command::Growth(arguments) => growth::growth(arguments).await,
        }
    })
}
