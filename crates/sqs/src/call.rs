//! Every call to SQS: counted, timed and, where traces are exported, a span.
//!
//! The span is made when the answer is there, with the time at which the call began: only then is it known what a receive
//! has brought, and so that it was worth a span. An idle queue is asked all day long.

use std::time::{Instant, SystemTime};

use crate::error::QueueError;
use crate::metrics::CallMetrics;
use crate::operation::{About, Operation};
use crate::spans;

/// A call under way.
pub(crate) struct Call {
    operation: &'static Operation,
    begun: Instant,
    begun_at: SystemTime,
}

/// The queue that a call goes to, as far as it is known.
pub(crate) struct Destination<'a> {
    pub(crate) name: &'a str,
    pub(crate) url: Option<String>,
    pub(crate) metrics: &'a CallMetrics,
}

impl Call {
    pub(crate) fn begin(operation: &'static Operation) -> Self {
        Self { operation, begun: Instant::now(), begun_at: SystemTime::now() }
    }

    pub(crate) fn operation(&self) -> &'static Operation {
        self.operation
    }

    /// The call is over. A receive that has brought nothing is no more than counted.
    pub(crate) fn end(self, to: Destination<'_>, about: About, error: Option<&QueueError>) {
        to.metrics.called(self.operation, self.begun.elapsed(), error.map(QueueError::error_type));
        let Some(name) = self.operation.name else { return };
        if about.messages > 0 || error.is_some() {
            spans::tell_call(name, to.name, to.url, self.begun_at, about, error);
        }
    }
}
