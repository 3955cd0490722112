//! A service's process: its configuration read whole before anything is opened, its end in good order.

use std::process::ExitCode;

use crate::configuration::Faults;
use crate::telemetry::{Listener, StartError, Started, Telemetry};
use crate::{Configuration, Environment};

/// Reads what `read` and the logs need; with `queues`, also what every call to SQS needs.
pub fn load<S>(read: impl FnOnce(&mut Configuration) -> S, queues: bool) -> Result<(S, Telemetry), Faults> {
    let mut configuration = Configuration::new(Environment::of_process()?);
    let loaded = (read(&mut configuration), Telemetry::load(&mut configuration));
    if queues {
        configuration.check_aws_region();
    }
    configuration.whole(loaded)
}

/// Runs `command` to its end, with logs and traces as those of `name` if it is to have any.
pub fn run(
    name: &'static str,
    telemetry: Option<Telemetry>,
    command: impl Future<Output = anyhow::Result<ExitCode>>,
) -> ExitCode {
    in_runtime(name, || telemetry.map(|telemetry| telemetry.start(name)).transpose(), command)
}

/// The same for a process in which `listener` hears what is logged.
pub fn run_with(
    name: &'static str,
    telemetry: Telemetry,
    listener: Listener,
    command: impl Future<Output = anyhow::Result<ExitCode>>,
) -> ExitCode {
    in_runtime(name, || telemetry.start_with(name, listener).map(Some), command)
}

fn in_runtime(
    name: &'static str,
    start: impl FnOnce() -> Result<Option<Started>, StartError>,
    command: impl Future<Output = anyhow::Result<ExitCode>>,
) -> ExitCode {
    ended(start, command).unwrap_or_else(|error| {
        eprintln!("{name}: {error:#}");
        ExitCode::FAILURE
    })
}

fn ended(
    start: impl FnOnce() -> Result<Option<Started>, StartError>,
    command: impl Future<Output = anyhow::Result<ExitCode>>,
) -> anyhow::Result<ExitCode> {
    let telemetry = start()?;
    let runtime = tokio::runtime::Runtime::new()?;
    let outcome = runtime.block_on(command);
    // Whoever has not ended by now, a look-up of a name for one, is not waited for.
    runtime.shutdown_background();
    if let Some(telemetry) = telemetry {
        telemetry.end();
    }
    outcome
}
