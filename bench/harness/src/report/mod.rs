//! `RESULTS.md`, and its plots.

mod aims;
pub(crate) mod facts;
pub(crate) mod number;
pub(crate) mod plot;

use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::figures::{Figures, Metric, Row, Summary};
use crate::measure::Sizes;
use crate::scene::Setup;
use facts::name;
use number::{cell, number, table};
use plot::{Bar, Kind, Panel};

/// What stands in the report beside the figures.
pub(crate) struct Report<'a> {
    /// The command that has been given.
    pub(crate) command: String,
    pub(crate) setup: &'a Setup,
    pub(crate) sizes: &'a Sizes,
    pub(crate) rounds: usize,
    /// Where the Node programs are.
    pub(crate) node: Option<&'a Path>,
    /// Built images with their sizes in bytes.
    pub(crate) images: &'a [(String, u64)],
}

impl Report<'_> {
    pub(crate) async fn write(&self, figures: &Figures, directory: &Path) -> Result<()> {
        let Self { setup, .. } = self;
        let ours = setup.rows();
        let servers = [ours.clone(), vec![Row::Floor, Row::Fastify]].concat();
        let consumers = [ours.clone(), vec![Row::Floor, Row::SqsConsumer]].concat();
        let sheet = Sheet { setup, figures };
        let mut text = String::from("# Results\n\n");
        text += &facts::head(&self.command, setup, self.rounds)?;

        text += "\n## Placing\n\n`bench/run --only place` measures these.\n\n";
        text += &plot::write(
            directory,
            "placing",
            "Orders placed per second, and CPU per order placed",
            &[
                sheet.panel("orders placed per second", &servers, |row| figures.get(row, Metric::PlacedPerSecond)),
                sheet.panel("µs of CPU per order placed", &servers, |row| figures.get(row, Metric::PlaceCpu)),
            ],
        )?;
        text += "\n";
        text += &sheet.table(
            &servers,
            &[
                ("orders/s", Metric::PlacedPerSecond),
                ("p50, ms", Metric::PlaceMedian),
                ("p99, ms", Metric::PlaceP99),
                ("CPU per order, µs", Metric::PlaceCpu),
                ("… of the queue", Metric::PlaceQueueCpu),
                ("… of PostgreSQL", Metric::PlaceDatabaseCpu),
            ],
        );
        text += &sheet.refusals(&servers);

        text += "\n## Working off\n\n`bench/run --only work-off` measures these, the lone order and the requests. An order is \
                 two messages: it goes through both queues and both services. Of the floor and of sqs-consumer one message is \
                 counted.\n\n";
        text += &plot::write(
            directory,
            "working-off",
            "Messages worked off per second, and CPU per message",
            &[
                sheet.panel("messages worked off per second", &consumers, |row| figures.messages_per_second(row)),
                sheet.panel("µs of CPU per message", &consumers, |row| figures.cpu_per_message(row)),
            ],
        )?;
        text += "\n";
        text += &sheet.table(
            &consumers,
            &[
                ("orders/s", Metric::WorkedOffPerSecond),
                ("CPU per order, µs: worker", Metric::WorkerCpu),
                ("… results", Metric::ResultsCpu),
                ("… the queue", Metric::WorkOffQueueCpu),
                ("… PostgreSQL", Metric::WorkOffDatabaseCpu),
                ("SQS requests per order", Metric::RequestsPerOrder),
            ],
        );

        text += "\n## SQS requests per order\n\n";
        text += &sheet.requests(&ours);
        text += "\n## A lone order, a start, memory\n\n`bench/run --only work-off` measures the lone order, `--only start` the \
                 start, `--only place,work-off` memory and connections. A lone order: from `POST` until `GET` says PAID, looked at every \
                 millisecond. A start: on an empty database, its migrations included, until `/readyz` says 200. Memory: the \
                 most that was resident in any of the measurements, in MB.\n\n";
        text += &sheet.table(
            &ours,
            &[
                ("lone order, ms", Metric::LoneMedian),
                ("… the slowest", Metric::LoneWorst),
                ("ready, ms: order service", Metric::OrdersStart),
                ("… worker", Metric::WorkerStart),
                ("memory: order service", Metric::OrdersPeak),
                ("… worker", Metric::WorkerPeak),
                ("connections: order service", Metric::OrdersConnections),
                ("… worker", Metric::WorkerConnections),
            ],
        );
        text += &format!(
            "\n## Idle\n\n`bench/run --only idle` measures these, once, for {} s.\n\n",
            self.sizes.idle.as_secs_f64()
        );
        text += &sheet.table(
            &ours,
            &[
                ("% of a core: order service", Metric::OrdersIdleCpu),
                ("… worker", Metric::WorkerIdleCpu),
                ("SQS requests per minute: order service", Metric::OrdersIdleReceives),
                ("… worker", Metric::WorkerIdleReceives),
                ("memory, MB: order service", Metric::OrdersIdleMemory),
                ("… worker", Metric::WorkerIdleMemory),
            ],
        );
        text += "\n## Sizes, MB\n\n";
        let binaries: Vec<_> = setup.builds.iter().map(|build| format!("binary, {}", build.name)).collect();
        let head: Vec<_> = [""].into_iter().chain(binaries.iter().map(String::as_str)).chain(["image"]).collect();
        text += &table(&head, facts::sizes(setup, self.images)?);

        text += "\n## Aims\n\n";
        text += &aims::aims(setup, figures);
        text += "\n## What bears on the figures\n\n";
        text += &facts::conditions(setup, self.sizes, self.node).await?;
        fs::write(directory.join("RESULTS.md"), text)?;
        Ok(())
    }
}

/// The figures as tables and bars.
struct Sheet<'a> {
    setup: &'a Setup,
    figures: &'a Figures,
}

impl Sheet<'_> {
    fn table(&self, rows: &[Row], columns: &[(&str, Metric)]) -> String {
        let measured = |row: &Row| columns.iter().any(|(_, metric)| self.figures.get(*row, *metric).is_some());
        let line = |row: &Row| {
            let cells = columns.iter().map(|(_, metric)| cell(self.figures.get(*row, *metric)));
            [name(self.setup, *row)].into_iter().chain(cells).collect()
        };
        let head: Vec<_> = [""].into_iter().chain(columns.iter().map(|(head, _)| *head)).collect();
        table(&head, rows.iter().filter(|row| measured(row)).map(line))
    }

    fn panel(&self, title: &str, rows: &[Row], value: impl Fn(Row) -> Option<Summary>) -> Panel {
        let bar = |row: &Row| {
            let kind = match row {
                Row::Ours(0, _) => Kind::Ours,
                Row::Ours(..) => Kind::Before,
                _ => Kind::Peer,
            };
            let value = value(*row)?;
            Some(Bar { label: name(self.setup, *row), kind, value })
        };
        Panel { title: title.to_owned(), bars: rows.iter().filter_map(bar).collect() }
    }

    fn requests(&self, rows: &[Row]) -> String {
        let mut what: Vec<&str> =
            rows.iter().flat_map(|row| self.figures.requests(*row)).map(|(what, _)| what).collect();
        what.sort();
        what.dedup();
        let names: Vec<_> = rows.iter().map(|row| name(self.setup, *row)).collect();
        let head: Vec<_> = [""].into_iter().chain(names.iter().map(String::as_str)).collect();
        let line = |what: &str| {
            let of = |row: &Row| self.figures.requests(*row).find(|(other, _)| *other == what).map(|(_, count)| count);
            let cells = rows.iter().map(|row| of(row).map_or("–".to_owned(), number));
            [what.to_owned()].into_iter().chain(cells).collect()
        };
        table(&head, what.into_iter().map(line))
    }

    /// What was not answered with 202, if anything.
    fn refusals(&self, rows: &[Row]) -> String {
        let refused = |row: &Row| {
            let most = self.figures.get(*row, Metric::Refused)?.most;
            (most > 0.0)
                .then(|| format!("\n{} refused up to {} orders in a round.\n", name(self.setup, *row), number(most)))
        };
        rows.iter().filter_map(refused).collect()
    }
}
