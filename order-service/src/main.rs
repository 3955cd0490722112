//! `order-service [serve]`, `order-service healthcheck` and `order-service outbox`.

use std::process::ExitCode;

use chassis::configuration::Faults;
use chassis::outbox::{self, OutboxArguments};
use chassis::telemetry::Telemetry;
use chassis::{Configuration, Environment, healthcheck, shutdown};
use clap::{Parser, Subcommand};
use database::Database;
use messaging::{Outbox, client};
use order_service::store::MIGRATIONS;
use order_service::{OrderService, Settings};

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
    let (settings, telemetry) = match load(&command) {
        Ok(loaded) => loaded,
        Err(faults) => return faults.report(),
    };
    let outcome = match command {
        Command::Healthcheck => return healthcheck::run(settings.admin_port),
        Command::Serve => serve(settings, telemetry),
        Command::Outbox(arguments) => set_aside(arguments, settings),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("order-service: {error:#}");
        ExitCode::FAILURE
    })
}

fn load(command: &Command) -> Result<(Settings, Telemetry), Faults> {
    let mut configuration = Configuration::new(Environment::of_process()?);
    let loaded = (Settings::read(&mut configuration), Telemetry::load(&mut configuration));
    if !matches!(command, Command::Healthcheck | Command::Outbox(_)) {
        configuration.check_aws_region();
    }
    configuration.whole(loaded)
}

fn serve(settings: Settings, telemetry: Telemetry) -> anyhow::Result<ExitCode> {
    let telemetry = telemetry.start("order-service")?;
    let outcome = run(settings);
    telemetry.end();
    outcome.map(|()| ExitCode::SUCCESS)
}

#[tokio::main]
async fn run(settings: Settings) -> anyhow::Result<()> {
    let sqs = client::from_environment().await;
    let stop = shutdown::on_signal()?;
    let service = OrderService::build(settings, sqs).await?;
    tracing::info!(address = %service.address()?, admin_address = %service.admin_address()?, "order service up");
    service.run(stop).await?;
    tracing::info!("order service stopped");
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn set_aside(arguments: OutboxArguments, settings: Settings) -> anyhow::Result<ExitCode> {
    let database = Database::open(&settings.database_url, &MIGRATIONS).await?;
    let found = outbox::run(arguments, &Outbox::new(database.clone(), usize::MAX)).await;
    database.close().await;
    Ok(if found? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
