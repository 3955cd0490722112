//! Nothing is counted.

use std::time::Duration;

use crate::operation::Operation;

/// The counters of one process; cheap to clone. Without the feature `metrics` it has none.
#[derive(Clone, Debug, Default)]
pub struct Metrics(());

impl Metrics {
    pub(crate) fn of_calls(&self, _: &str) -> CallMetrics {
        CallMetrics(self.clone())
    }

    pub(crate) fn of_consumer(&self, _: &str, _: usize) -> ConsumerMetrics {
        ConsumerMetrics
    }
}

#[derive(Debug)]
pub(crate) struct CallMetrics(Metrics);

impl CallMetrics {
    pub(crate) fn of_process(&self) -> &Metrics {
        &self.0
    }

    pub(crate) fn called(&self, _: &Operation, _: Duration, _: Option<&'static str>) {}

    pub(crate) fn sent(&self, _: usize) {}

    pub(crate) fn consumed(&self, _: Option<Duration>) {}

    pub(crate) fn depth(&self, _: &'static str, _: i64) {}
}

#[derive(Debug)]
pub(crate) struct ConsumerMetrics;

pub(crate) struct InFlight;

impl ConsumerMetrics {
    pub(crate) fn in_flight(&self) -> InFlight {
        InFlight
    }

    pub(crate) fn processed(&self, _: Duration, _: Option<&'static str>) {}

    pub(crate) fn settled(&self, _: &'static str) {}

    pub(crate) fn lease_lost(&self) {}

    pub(crate) fn breaker(&self) -> Flag {
        Flag
    }
}

#[derive(Debug, Default)]
pub(crate) struct Flag;

impl Flag {
    pub(crate) fn set(&self, _: bool) {}
}
