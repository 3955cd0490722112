//! `order-service [serve]`, `order-service healthcheck` and `order-service outbox`.

use std::process::ExitCode;

use ::outbox::Outbox;
use chassis::outbox::{self, OutboxArguments};
use chassis::{healthcheck, process, shutdown};
use clap::{Parser, Subcommand};
use database::Database;
use order_service::store::MIGRATIONS;
use order_service::{OrderService, Settings};
use sqs::client;

const NAME: &str = "order-service";

/// Accepts orders over HTTP and publishes them to SQS. Configured by environment variables, see .env.example.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API (the default).
    Serve,
    /// Ask the instance on this machine whether it is live: exit code 0 or 1.
    Healthcheck,
    /// Look at orders' events that SQS has refused, send them again, or drop them.
    Outbox(OutboxArguments),
}

fn main() -> ExitCode {
    let command = Cli::parse().command.unwrap_or(Command::Serve);
    let (settings, telemetry) =
        match process::load(Settings::read, !matches!(command, Command::Healthcheck | Command::Outbox(_))) {
            Ok(loaded) => loaded,
            Err(faults) => return faults.report(),
        };
    match command {
        Command::Healthcheck => healthcheck::run(settings.admin_port),
        Command::Serve => process::run(NAME, Some(telemetry), serve(settings)),
        Command::Outbox(arguments) => process::run(NAME, None, set_aside(arguments, settings)),
    }
}

async fn serve(settings: Settings) -> anyhow::Result<ExitCode> {
    let sqs = client::from_environment().await;
    let stop = shutdown::on_signal()?;
    let service = OrderService::build(settings, sqs).await?;
    tracing::info!(address = %service.address()?, admin_address = %service.admin_address()?, "order service up");
    service.run(stop).await?;
    tracing::info!("order service stopped");
    Ok(ExitCode::SUCCESS)
}

async fn set_aside(arguments: OutboxArguments, settings: Settings) -> anyhow::Result<ExitCode> {
    let database = Database::open(&settings.database_url, &MIGRATIONS).await?;
    let found = outbox::run(arguments, &Outbox::new(database.clone(), usize::MAX)).await;
    database.close().await;
    Ok(if found? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
