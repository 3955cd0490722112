//! `order-service [serve]` and `order-service healthcheck`.

use std::process::ExitCode;

use chassis::configuration::Faults;
use chassis::telemetry::Telemetry;
use chassis::{Configuration, Environment, healthcheck, shutdown};
use clap::{Parser, Subcommand};
use messaging::client;
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
}

fn main() -> ExitCode {
    let command = Cli::parse().command.unwrap_or(Command::Serve);
    let (settings, telemetry) = match load(&command) {
        Ok(loaded) => loaded,
        Err(faults) => return faults.report(),
    };
    match command {
        Command::Healthcheck => healthcheck::run(settings.admin_port),
        Command::Serve => match serve(settings, telemetry) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("order-service: {error:#}");
                ExitCode::FAILURE
            }
        },
    }
}

fn load(command: &Command) -> Result<(Settings, Telemetry), Faults> {
    let mut configuration = Configuration::new(Environment::of_process()?);
    let loaded = (Settings::read(&mut configuration), Telemetry::load(&mut configuration));
    if !matches!(command, Command::Healthcheck) {
        configuration.check_aws_region();
    }
    configuration.whole(loaded)
}

fn serve(settings: Settings, telemetry: Telemetry) -> anyhow::Result<()> {
    let telemetry = telemetry.start("order-service")?;
    let outcome = run(settings);
    telemetry.end();
    outcome
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
