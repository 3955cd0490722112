//! What has been measured: for each row and metric one value per round.

use std::collections::BTreeMap;

use crate::storage::Storage;

/// Who was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Row {
    /// The services of one build, by its place in the list; 0 is this tree.
    Ours(usize, Storage),
    Floor,
    Fastify,
    SqsConsumer,
}

/// What was measured. Times of CPU are per order placed or worked off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Metric {
    PlacedPerSecond,
    PlaceMedian,
    PlaceP99,
    PlaceCpu,
    PlaceQueueCpu,
    PlaceDatabaseCpu,
    Refused,
    WorkedOffPerSecond,
    WorkerCpu,
    ResultsCpu,
    WorkOffQueueCpu,
    WorkOffDatabaseCpu,
    RequestsPerOrder,
    LoneMedian,
    LoneWorst,
    OrdersPeak,
    WorkerPeak,
    OrdersConnections,
    WorkerConnections,
    OrdersStart,
    WorkerStart,
    OrdersIdleCpu,
    WorkerIdleCpu,
    OrdersIdleMemory,
    WorkerIdleMemory,
    OrdersIdleReceives,
    WorkerIdleReceives,
}

/// All values.
#[derive(Default)]
pub(crate) struct Figures {
    values: BTreeMap<(Row, Metric), Vec<f64>>,
    /// SQS requests per order, by service, queue and operation.
    requests: BTreeMap<(Row, String), Vec<f64>>,
}

/// The middle one, and the outermost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Summary {
    /// The same in another unit.
    pub(crate) fn times(self, factor: f64) -> Self {
        Self { median: self.median * factor, least: self.least * factor, most: self.most * factor }
    }
}

impl Figures {
    pub(crate) fn add(&mut self, row: Row, metric: Metric, value: f64) {
        self.values.entry((row, metric)).or_default().push(value);
    }

    pub(crate) fn add_requests(&mut self, row: Row, what: String, per_order: f64) {
        self.requests.entry((row, what)).or_default().push(per_order);
    }

    /// The median of all rounds with the spread; none: it was not measured.
    pub(crate) fn get(&self, row: Row, metric: Metric) -> Option<Summary> {
        summary(self.values.get(&(row, metric))?)
    }

    pub(crate) fn median(&self, row: Row, metric: Metric) -> Option<f64> {
        self.get(row, metric).map(|summary| summary.median)
    }

    /// Messages per second, received, handled and deleted: an order is two, one of each queue.
    pub(crate) fn messages_per_second(&self, row: Row) -> Option<Summary> {
        let messages = if matches!(row, Row::Ours(..)) { 2.0 } else { 1.0 };
        Some(self.get(row, Metric::WorkedOffPerSecond)?.times(messages))
    }

    /// Microseconds of CPU of those, of both services together.
    pub(crate) fn cpu_per_message(&self, row: Row) -> Option<Summary> {
        let worker = self.get(row, Metric::WorkerCpu)?;
        let Some(results) = self.get(row, Metric::ResultsCpu) else { return Some(worker) };
        let mean = |of: fn(Summary) -> f64| (of(worker) + of(results)) / 2.0;
        Some(Summary { median: mean(|s| s.median), least: mean(|s| s.least), most: mean(|s| s.most) })
    }

    /// The requests of a row, by what they were for.
    pub(crate) fn requests(&self, row: Row) -> impl Iterator<Item = (&str, f64)> {
        let of_row = self.requests.iter().filter(move |((of, _), _)| *of == row);
        of_row.filter_map(|((_, what), values)| Some((what.as_str(), summary(values)?.median)))
    }
}

/// None of no values.
pub(crate) fn summary(values: &[f64]) -> Option<Summary> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (least, most) = (*sorted.first()?, *sorted.last()?);
    let middle = sorted.len() / 2;
    let median = if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 };
    Some(Summary { median, least, most })
}
