//! `GROWTH.md`, and its plots.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::Step;
use super::probe::{Costs, Probe};
use crate::figures::{Row, Summary};
use crate::report::facts;
use crate::report::number::{number, table};
use crate::report::plot::{self, Bar, Kind, Panel};
use crate::scene::Setup;

/// At most so many times the cost on empty databases.
const AIM: f64 = 1.2;

type Cost = fn(&Costs) -> Option<f64>;

const COSTS: [(&str, Cost); 6] = [
    ("placing", |costs| costs.place),
    ("working off", |costs| costs.work_off),
    ("lookup", |costs| costs.lookup),
    ("newest page", |costs| costs.newest),
    ("a user's page", |costs| costs.of_user),
    ("… in a rare status", |costs| costs.of_user_declined),
];

const OTHERS: [(&str, Cost); 5] = [
    ("placed per second", |costs| costs.placed_per_second),
    ("worked off per second", |costs| costs.worked_off_per_second),
    ("sent per second, once the queue is back", |costs| costs.swept_per_second),
    ("memory, MB: order service", |costs| costs.order_service),
    ("… worker", |costs| costs.worker),
];

pub(crate) async fn write(
    command: &str,
    setup: &Setup,
    probe: &Probe,
    all: &[(Row, Vec<Step>)],
    directory: &Path,
) -> Result<()> {
    let cores = std::thread::available_parallelism()?;
    let mut text = format!(
        "# Cost against what is stored and what is waiting\n\n\
         Written by `{command}` on {}; {cores} cores; this tree is `{}`.\n\n\
         Orders are put into the databases past the services, each with an idempotency key and its row in the ledger, of \
         1,000 users. At each size {} orders are placed on {} connections and worked off, and each kind of read is asked for \
         {} s. Microseconds of CPU per order or request, of the services and, where it runs on this machine, of PostgreSQL. In \
         brackets: against the first line that has such a figure; the aim is at most {AIM}×. While the queue is away, what an \
         order costs is counted until its answer; else until its event is sent.\n",
        jiff::Zoned::now().strftime("%Y-%m-%d"),
        setup.builds[0].commit,
        number(probe.orders as f64),
        probe.connections,
        probe.reading.as_secs_f64(),
    );
    for (row, steps) in all {
        let title = facts::name(setup, *row);
        let name = format!("growth-{}", title.rsplit(' ').next().unwrap_or_default().to_lowercase());
        text += &format!("\n## {title}\n\n");
        text += &plot::write(directory, &name, &format!("CPU per order or request, {title}"), &panels(steps))?;
        text += "\n";
        text += &sheet(&COSTS, steps, true);
        text += "\n";
        text += &sheet(&OTHERS, steps, false);
    }
    fs::write(directory.join("GROWTH.md"), text)?;
    Ok(())
}

fn sheet(columns: &[(&str, Cost)], steps: &[Step], ratios: bool) -> String {
    let cell = |step: &Step, cost: Cost| {
        let Some(value) = cost(&step.costs) else { return "–".to_owned() };
        match steps.iter().find_map(|step| cost(&step.costs)) {
            Some(first) if ratios && first > 0.0 => {
                let ratio = value / first;
                let ratio = if ratio > AIM { format!("**{ratio:.2}×**") } else { format!("{ratio:.2}×") };
                format!("{} ({ratio})", number(value))
            }
            _ => number(value),
        }
    };
    let line = |step: &Step| {
        let cells = columns.iter().map(|(_, cost)| cell(step, *cost));
        [step.state.clone()].into_iter().chain(cells).collect()
    };
    let head: Vec<_> = [""].into_iter().chain(columns.iter().map(|(head, _)| *head)).collect();
    table(&head, steps.iter().map(line))
}

fn panels(steps: &[Step]) -> Vec<Panel> {
    let panel = |(title, cost): &(&str, Cost)| {
        let bar = |step: &Step| {
            let value = cost(&step.costs)?;
            let value = Summary { median: value, least: value, most: value };
            Some(Bar { label: step.state.clone(), kind: Kind::Ours, value })
        };
        Panel { title: format!("{title}, µs of CPU"), bars: steps.iter().filter_map(bar).collect() }
    };
    COSTS.iter().map(panel).collect()
}
