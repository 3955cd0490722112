//! `order-service [serve]`, its halves `order-service api` and `order-service worker`, `order-service healthcheck` and
//! `order-service outbox`.

use std::process::ExitCode;

use chassis::outbox::{self, OutboxArguments};
use chassis::{healthcheck, process, shutdown};
use clap::{Parser, Subcommand};
use order_service::store::MIGRATIONS;
use order_service::{OrderService, Part, Settings};
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
    /// Serve the API and take the results of payments (the default).
    Serve,
    /// Serve the API only, and publish its orders: to be scaled by requests.
    Api,
    /// Take the results of payments only; opens the admin port alone. To be scaled by the queue.
    Worker,
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
        Command::Serve => process::run(NAME, Some(telemetry), serve(settings, Part::Whole)),
        Command::Api => process::run(NAME, Some(telemetry), serve(settings, Part::Api)),
        Command::Worker => process::run(NAME, Some(telemetry), serve(settings, Part::Worker)),
        Command::Outbox(arguments) => {
            process::run(NAME, None, async move { outbox::run(arguments, &settings.database_url, &MIGRATIONS).await })
        }
    }
}

async fn serve(settings: Settings, part: Part) -> anyhow::Result<ExitCode> {
    let sqs = client::from_environment().await;
    let stop = shutdown::on_signal()?;
    let Some(service) = stop.run_until_cancelled(OrderService::build_part(part, settings, sqs)).await else {
        return Ok(ExitCode::SUCCESS);
    };
    let service = service?;
    let address = service.address()?.map(tracing::field::display);
    tracing::info!(address, admin_address = %service.admin_address()?, "order service up");
    service.run(stop).await?;
    tracing::info!("order service stopped");
    Ok(ExitCode::SUCCESS)
}
