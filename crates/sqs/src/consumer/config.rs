//! How a queue is consumed.

use std::time::Duration;

use crate::backoff::Backoff;

/// How to consume a queue.
#[derive(Clone, Debug)]
pub struct ConsumerConfig {
    /// Messages handled at once.
    pub concurrency: usize,
    /// Asked for in every receive; none: the queue's own, as it was when it was last looked at.
    pub visibility_timeout: Option<Duration>,
    /// How long a receive waits for messages, at most 20 s.
    pub long_poll: Duration,
    /// After a transient failure, by the receive count.
    pub retry: Backoff,
    /// How long a handler may be at a message before its lease is given up: it hangs. Not for what an outage holds.
    pub lease_cap: Duration,
    /// At most so many messages per second, on average; none: as many as come.
    pub max_per_second: Option<u32>,
    /// From the call to stop until what is unfinished is given back.
    pub shutdown_timeout: Duration,
}

impl Default for ConsumerConfig {
    fn default() -> Self {
        Self {
            concurrency: 64,
            visibility_timeout: None,
            long_poll: Duration::from_secs(20),
            retry: Backoff::new(Duration::from_secs(1), Duration::from_secs(300)),
            lease_cap: Duration::from_secs(15 * 60),
            max_per_second: None,
            shutdown_timeout: Duration::from_secs(30),
        }
    }
}
