//! `cargo run`: the whole system with nothing but Rust. `cargo run -- demo`: and an order of each kind.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use chassis::configuration::Faults;
use chassis::telemetry::{DEFAULT_FILTER, Telemetry};
use chassis::{Configuration, Environment, process, shutdown};
use clap::{Parser, Subcommand};
use console::Journal;
use quickstart::cost::Price;
use quickstart::system::DECIDED;
use quickstart::{System, SystemSettings, demo};

/// Starts the order service, the payment service, an SQS queue and the console in one process.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Clone, Copy, PartialEq, Eq, Subcommand)]
enum Command {
    /// Run until Ctrl-C (the default).
    Run,
    /// Place one order of each kind, follow each to its end, and exit: 0 if all went as they should, else 1.
    Demo,
}

/// Where the databases are.
const DATA: &str = "data";
/// Short, so that the order which takes longer than it does not take long.
const DEMO_VISIBILITY_TIMEOUT: Duration = Duration::from_secs(6);

fn main() -> ExitCode {
    let command = Cli::parse().command.unwrap_or(Command::Run);
    let (settings, telemetry, price) = match load(command) {
        Ok(loaded) => loaded,
        Err(faults) => return faults.report(),
    };
    let journal = Journal::default();
    let listener = Box::new(journal.clone());
    process::run_with("microservices-async", telemetry, listener, run(command, settings.with_journal(journal), price))
}

fn load(command: Command) -> Result<(SystemSettings, Telemetry, Price), Faults> {
    let mut configuration = Configuration::new(Environment::of_process()?.without(&DECIDED));
    let default_filter = if command == Command::Demo { "off" } else { DEFAULT_FILTER };
    let telemetry = Telemetry::load_with(&mut configuration, default_filter);
    let settings = SystemSettings::read(&mut configuration);
    let price = Price::read(&mut configuration);
    configuration.whole((settings, telemetry, price))
}

async fn run(command: Command, settings: SystemSettings, price: Price) -> anyhow::Result<ExitCode> {
    let stop = shutdown::on_signal()?;
    if command == Command::Run {
        let system = System::start(settings, Path::new(DATA)).await?;
        introduce(&system);
        tokio::select! {
            () = stop.cancelled() => println!("\nStopping: what is under way is finished first."),
            () = system.failed() => {}
        }
        system.stop().await?;
        return Ok(ExitCode::SUCCESS);
    }
    let settings = settings.with_default_visibility_timeout(DEMO_VISIBILITY_TIMEOUT);
    let system = System::start(settings, Path::new(DATA)).await?;
    introduce(&system);
    let outcome = tokio::select! {
        outcome = demo::run(&system, price) => outcome,
        () = stop.cancelled() => Ok(false),
    };
    system.stop().await?;
    Ok(if outcome? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn introduce(system: &System) {
    let System { console, api, orders_admin, payments_admin, queue_url, simulated_provider, .. } = system;
    let console = console.port();
    let payments = if simulated_provider.is_some() {
        "simulated, nobody is charged: the cents of the total decide (PAYMENT_PROVIDER_URL is not set)"
    } else {
        "charged by the provider at PAYMENT_PROVIDER_URL"
    };
    println!(
        "
  Console      http://localhost:{console}
  API          http://{api}/orders
  Swagger UI   http://{api}/docs
  Queue        {queue_url}  (aws --endpoint-url {queue_url} sqs list-queues)
  Metrics      http://{orders_admin}/metrics  http://{payments_admin}/metrics
  Databases    {DATA}/orders.db  {DATA}/payments.db
  Payments     {payments}

  Place an order:

    curl -i -X POST http://{api}/orders -H 'Content-Type: application/json' -d '{{\"userId\":\"dev-user\",\"total\":42.00}}'
"
    );
}
