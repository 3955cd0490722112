//! What is counted of SQS. With the feature `metrics`, [`Metrics`] writes it down for Prometheus; without it nothing is
//! counted.

#[cfg(feature = "metrics")]
mod counted;
#[cfg(not(feature = "metrics"))]
mod uncounted;

#[cfg(feature = "metrics")]
pub use counted::Metrics;
#[cfg(feature = "metrics")]
pub(crate) use counted::{CallMetrics, ConsumerMetrics, Flag};
#[cfg(not(feature = "metrics"))]
pub use uncounted::Metrics;
#[cfg(not(feature = "metrics"))]
pub(crate) use uncounted::{CallMetrics, ConsumerMetrics, Flag};
