//! What the services measure, as the console reads it: from the text on `/metrics` to counters that only grow, and from
//! those to rates and quantiles.

mod exposition;
mod instances;
mod reading;
mod totals;

pub(crate) use instances::{Instance, Instances, Presence, Service};
pub(crate) use reading::{Buckets, Count, Duration, Gauge, Names, Reading};
pub(crate) use totals::Totals;
