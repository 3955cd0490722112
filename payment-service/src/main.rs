//! `payment-service [work]`, `payment-service healthcheck`, `payment-service dlq` and `payment-service outbox`.

use std::process::ExitCode;

use chassis::outbox::{self, OutboxArguments};
use chassis::{healthcheck, process, shutdown};
use clap::{Parser, Subcommand};
use payment_service::dlq::{self, DlqArguments};
use payment_service::ledger::MIGRATIONS;
use payment_service::{PaymentService, Settings};
use sqs::client;

const NAME: &str = "payment-service";

/// Charges the orders it receives from SQS. Configured by environment variables, see .env.example.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Charge orders (the default).
    Work,
    /// Ask the instance on this machine whether it is live: exit code 0 or 1.
    Healthcheck,
    /// Look at dead letters, send them back, or delete them.
    Dlq(DlqArguments),
    /// Look at results that SQS has refused, send them again, or drop them.
    Outbox(OutboxArguments),
}

fn main() -> ExitCode {
    let command = Cli::parse().command.unwrap_or(Command::Work);
    let (settings, telemetry) =
        match process::load(Settings::read, !matches!(command, Command::Healthcheck | Command::Outbox(_))) {
            Ok(loaded) => loaded,
            Err(faults) => return faults.report(),
        };
    match command {
        Command::Healthcheck => healthcheck::run(settings.admin_port),
        Command::Work => process::run(NAME, Some(telemetry), work(settings)),
        Command::Dlq(arguments) => process::run(NAME, None, dead_letters(arguments, settings)),
        Command::Outbox(arguments) => {
            process::run(NAME, None, async move { outbox::run(arguments, &settings.database_url, &MIGRATIONS).await })
        }
    }
}

async fn work(settings: Settings) -> anyhow::Result<ExitCode> {
    let sqs = client::from_environment().await;
    let stop = shutdown::on_signal()?;
    let Some(service) = stop.run_until_cancelled(PaymentService::build(settings, sqs)).await else {
        return Ok(ExitCode::SUCCESS);
    };
    let service = service?;
    tracing::info!(admin_address = %service.admin_address()?, "payment service up");
    service.run(stop).await?;
    tracing::info!("payment service stopped");
    Ok(ExitCode::SUCCESS)
}

async fn dead_letters(arguments: DlqArguments, settings: Settings) -> anyhow::Result<ExitCode> {
    let sqs = client::from_environment().await;
    let found = dlq::run(arguments, &settings, sqs).await?;
    Ok(if found { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
