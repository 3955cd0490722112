//! The measurements, each on processes, a queue and databases of its own.

mod idle;
mod peers;
mod place;
mod start;
mod work_off;

use std::time::Duration;

use anyhow::Result;

use crate::figures::{Figures, Metric, Row};
use crate::load::Outcome;
use crate::scene::{Scene, Service};

pub(crate) use idle::idle;
pub(crate) use peers::{POLLERS, Peers};
pub(crate) use place::place;
pub(crate) use start::start;
pub(crate) use work_off::work_off;

/// How much of everything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) warm_up: Duration,
    /// How long orders are placed.
    pub(crate) placing: Duration,
    /// How many orders are worked off.
    pub(crate) orders: usize,
    /// How many messages the peers receive.
    pub(crate) messages: usize,
    /// How many orders are placed one by one.
    pub(crate) lone: usize,
    /// How long nothing is done.
    pub(crate) idle: Duration,
}

/// What has been spent so far.
struct Spent {
    services: Vec<Duration>,
    queue: Duration,
    database: Option<Duration>,
}

impl Spent {
    fn so_far(scene: &Scene<'_>, services: &[&Service]) -> Result<Self> {
        Ok(Self {
            services: services.iter().map(|service| service.process.cpu()).collect::<Result<_>>()?,
            queue: scene.queue.process.cpu()?,
            database: scene.databases.cpu()?,
        })
    }
}

/// Microseconds for each of so many.
fn each(spent: Duration, count: usize) -> f64 {
    spent.as_secs_f64() * 1e6 / count.max(1) as f64
}

fn add_placing(figures: &mut Figures, row: Row, outcome: &Outcome) {
    figures.add(row, Metric::Refused, outcome.refused as f64);
    // No answer in all of the measured time is no measurement, and above all no time of 0.
    if outcome.per_second == 0.0 {
        return;
    }
    figures.add(row, Metric::PlacedPerSecond, outcome.per_second);
    figures.add(row, Metric::PlaceMedian, outcome.percentile(50.0));
    figures.add(row, Metric::PlaceP99, outcome.percentile(99.0));
}
