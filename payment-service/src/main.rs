//! `payment-service [work]`, `payment-service healthcheck` and `payment-service dlq`.

use std::process::ExitCode;

use chassis::{healthcheck, process, shutdown};
use clap::{Parser, Subcommand};
use messaging::client;
use payment_service::dlq::{self, DlqArguments};
use payment_service::{PaymentService, Settings};

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
}

fn main() -> ExitCode {
    let command = Cli::parse().command.unwrap_or(Command::Work);
    let (settings, telemetry) = match process::load(Settings::read, !matches!(command, Command::Healthcheck)) {
        Ok(loaded) => loaded,
        Err(faults) => return faults.report(),
    };
    match command {
        Command::Healthcheck => healthcheck::run(settings.admin_port),
        Command::Work => process::run(NAME, Some(telemetry), work(settings)),
        Command::Dlq(arguments) => process::run(NAME, None, dead_letters(arguments, settings)),
    }
}

async fn work(settings: Settings) -> anyhow::Result<ExitCode> {
    let sqs = client::from_environment().await;
    let stop = shutdown::on_signal()?;
    let service = PaymentService::build(settings, sqs).await?;
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
