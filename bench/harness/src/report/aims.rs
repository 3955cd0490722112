//! What was to be reached, beside what was.

use super::number::{number, table};
use crate::figures::{Figures, Metric, Row};
use crate::scene::Setup;
use crate::storage::Storage;

enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

use Bound::{AtLeast, AtMost};

/// One aim, for both databases.
struct Aim {
    what: String,
    unit: &'static str,
    /// On SQLite, on PostgreSQL.
    bounds: [Bound; 2],
    reached: [Option<f64>; 2],
}

pub(crate) fn aims(setup: &Setup, figures: &Figures) -> String {
    let columns = [Storage::Sqlite, Storage::Postgres].map(|storage| Column { figures, storage });
    let mut aims = Vec::new();
    if let Some(before) = setup.builds.get(1) {
        against_before(&mut aims, &columns, &before.name);
    }
    against_peers(&mut aims, &columns);
    absolute(&mut aims, &columns);
    table(&["aim", "SQLite", "PostgreSQL"], aims.into_iter().map(Aim::cells))
}

fn against_before(aims: &mut Vec<Aim>, columns: &[Column<'_>; 2], before: &str) {
    let ratio = |metric| columns.each_ref().map(|column| quotient(column.now(metric), column.before(metric)));
    let mut add = |what: &str, bounds, metric| {
        aims.push(Aim { what: format!("{what}, against `{before}`"), unit: "×", bounds, reached: ratio(metric) });
    };
    add("orders placed per second", [AtLeast(2.5), AtLeast(4.0)], Metric::PlacedPerSecond);
    add("orders worked off per second", [AtLeast(3.0), AtLeast(4.0)], Metric::WorkedOffPerSecond);
    add("CPU per order placed", [AtMost(0.5), AtMost(0.5)], Metric::PlaceCpu);
}

fn against_peers(aims: &mut Vec<Aim>, columns: &[Column<'_>; 2]) {
    let mut add = |what: &str, bound: fn() -> Bound, reached: &dyn Fn(&Column<'_>) -> Option<f64>| {
        let bounds = [bound(), bound()];
        aims.push(Aim { what: what.to_owned(), unit: "×", bounds, reached: columns.each_ref().map(reached) });
    };
    add("CPU of an order charged, against a message only received and deleted", || AtMost(3.0), &|column| {
        quotient(column.now(Metric::WorkerCpu), column.of(Row::Floor, Metric::WorkerCpu))
    });
    add("CPU of a result, against the same", || AtMost(2.0), &|column| {
        quotient(column.now(Metric::ResultsCpu), column.of(Row::Floor, Metric::WorkerCpu))
    });
    add("CPU of an order placed, against one that is only sent", || AtMost(0.4), &|column| {
        quotient(column.now(Metric::PlaceCpu), column.of(Row::Floor, Metric::PlaceCpu))
    });
    add("messages per second (two per order), against sqs-consumer", || AtLeast(3.0), &|column| {
        let per_second = |row| Some(column.figures.messages_per_second(row)?.median);
        quotient(per_second(Row::Ours(0, column.storage)), per_second(Row::SqsConsumer))
    });
    add("CPU per message, against the same", || AtMost(0.25), &|column| {
        let cpu = |row| Some(column.figures.cpu_per_message(row)?.median);
        quotient(cpu(Row::Ours(0, column.storage)), cpu(Row::SqsConsumer))
    });
    add("orders placed per second, against Fastify", || AtLeast(12.0), &|column| {
        quotient(column.now(Metric::PlacedPerSecond), column.of(Row::Fastify, Metric::PlacedPerSecond))
    });
    add("p99 of placing, against the same", || AtMost(0.1), &|column| {
        quotient(column.now(Metric::PlaceP99), column.of(Row::Fastify, Metric::PlaceP99))
    });
}

fn absolute(aims: &mut Vec<Aim>, columns: &[Column<'_>; 2]) {
    let mut add = |what: &str, unit, most: f64, metrics: &[Metric]| {
        let worst = |column: &Column<'_>| metrics.iter().filter_map(|metric| column.now(*metric)).reduce(f64::max);
        let bounds = [AtMost(most), AtMost(most)];
        aims.push(Aim { what: what.to_owned(), unit, bounds, reached: columns.each_ref().map(worst) });
    };
    add("SQS requests per order", "", 0.65, &[Metric::RequestsPerOrder]);
    add("idle: CPU of a service, of one core", " %", 0.1, &[Metric::OrdersIdleCpu, Metric::WorkerIdleCpu]);
    // One per 20 s; where a window cuts, one may be counted more.
    add(
        "idle: SQS requests of a service per minute",
        "",
        3.0,
        &[Metric::OrdersIdleReceives, Metric::WorkerIdleReceives],
    );
    add("resident memory of a service at its peak", " MB", 32.0, &[Metric::OrdersPeak, Metric::WorkerPeak]);
    add("from start to ready", " ms", 500.0, &[Metric::OrdersStart, Metric::WorkerStart]);
    add("a lone order, `POST` to `PAID`", " ms", 25.0, &[Metric::LoneMedian]);
}

/// The figures of one database.
struct Column<'a> {
    figures: &'a Figures,
    storage: Storage,
}

impl Column<'_> {
    fn now(&self, metric: Metric) -> Option<f64> {
        self.of(Row::Ours(0, self.storage), metric)
    }

    fn before(&self, metric: Metric) -> Option<f64> {
        self.of(Row::Ours(1, self.storage), metric)
    }

    fn of(&self, row: Row, metric: Metric) -> Option<f64> {
        self.figures.median(row, metric)
    }
}

fn quotient(ours: Option<f64>, theirs: Option<f64>) -> Option<f64> {
    Some(ours? / theirs.filter(|theirs| *theirs > 0.0)?)
}

impl Aim {
    fn cells(self) -> Vec<String> {
        let unit = self.unit;
        let cell = |(bound, reached): (&Bound, Option<f64>)| {
            let (sign, limit, met) = match *bound {
                AtLeast(limit) => ("≥", limit, reached.is_some_and(|reached| reached >= limit)),
                AtMost(limit) => ("≤", limit, reached.is_some_and(|reached| reached <= limit)),
            };
            let limit = format!("{sign} {}{unit}", short(limit));
            match reached {
                None => format!("– (aim {limit})"),
                Some(reached) if met => format!("{}{unit} (aim {limit})", number(reached)),
                Some(reached) => format!("**{}{unit}**, not reached (aim {limit})", number(reached)),
            }
        };
        let cells = self.bounds.iter().zip(self.reached).map(cell).collect::<Vec<_>>();
        [vec![self.what], cells].concat()
    }
}

fn short(limit: f64) -> String {
    format!("{limit}")
}
