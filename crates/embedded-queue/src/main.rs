//! The embedded queue by itself: `cargo run -p embedded-queue -- --queues localstack/queues`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use embedded_queue::{EmbeddedQueue, Rules, Settings, Unkindness, read_definitions};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// An SQS endpoint that keeps everything in memory.
#[derive(Parser)]
#[command(name = "embedded-queue")]
struct Cli {
    /// Where to listen; port 0: a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4566")]
    listen: SocketAddr,
    /// A directory with a file NAME.json for each queue to be created: its attributes, as JSON.
    #[arg(long, value_name = "DIR")]
    queues: Option<PathBuf>,
    /// What SQS may do and rarely does, as shares of messages or calls, such as
    /// seed=1,duplicates=0.1,reordered=0.1,late=0.1,lost-answers=0.05.
    #[arg(long, value_name = "SHARES")]
    unkind: Option<Unkindness>,
    /// Do not have SQS's 60 s between the deletion of a queue and its next creation, and between two purges.
    #[arg(long)]
    impatient: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("embedded-queue: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<(), Box<dyn std::error::Error>> {
    let queues = cli.queues.as_deref().map(read_definitions).transpose()?.unwrap_or_default();
    let (mut interrupted, mut terminated) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let listener = TcpListener::bind(cli.listen).await.map_err(|error| format!("{}: {error}", cli.listen))?;
    let rules = Rules { sixty_seconds: !cli.impatient, ..Rules::default() };
    let queue = EmbeddedQueue::start_with(listener, Settings { rules, unkindness: cli.unkind })?;
    let names: Vec<String> = queues.iter().map(|queue| queue.name.clone()).collect();
    queue.create(queues)?;
    let names = if names.is_empty() { "no queues yet".to_owned() } else { names.join(", ") };
    let unkind = if cli.unkind.is_some() { ", unkind" } else { "" };
    println!("SQS is at {} (region us-east-1: {names}{unkind}). Ctrl-C ends it, and all messages.", queue.url());
    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    queue.stop().await;
    Ok(())
}
