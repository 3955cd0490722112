//! `console [serve]`, `console healthcheck`.

use std::process::ExitCode;

use chassis::{healthcheck, process, shutdown};
use clap::{Parser, Subcommand};
use console::{Console, InProcess, Settings};
use sqs::client;

const NAME: &str = "console";

/// Shows what the order service, the payment service and the queues between them do. Configured by environment variables,
/// see .env.example.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Clone, Copy, Subcommand)]
enum Command {
    /// Serve the page (the default).
    Serve,
    /// Ask the instance on this machine whether it is live: exit code 0 or 1.
    Healthcheck,
}

fn main() -> ExitCode {
    let command = Cli::parse().command.unwrap_or(Command::Serve);
    let (settings, telemetry) = match process::load(Settings::read, matches!(command, Command::Serve)) {
        Ok(loaded) => loaded,
        Err(faults) => return faults.report(),
    };
    match command {
        Command::Healthcheck => healthcheck::run(settings.port),
        Command::Serve => process::run(NAME, Some(telemetry), serve(settings)),
    }
}

async fn serve(settings: Settings) -> anyhow::Result<ExitCode> {
    let sqs = client::from_environment().await;
    let stop = shutdown::on_signal()?;
    let console = Console::build(settings, &sqs, InProcess::default())?;
    tracing::info!(address = %console.address()?, "console up");
    console.run(stop).await?;
    tracing::info!("console stopped");
    Ok(ExitCode::SUCCESS)
}
