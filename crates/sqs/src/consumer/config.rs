//! How a queue is consumed.

use std::time::Duration;

use crate::backoff::Backoff;

/// The longest poll of SQS.
const LONGEST_POLL: Duration = Duration::from_secs(20);

/// How to consume a queue. The defaults suit a handler that writes to a database or asks another service.
///
/// ```
/// use std::time::Duration;
/// use sqs::ConsumerConfig;
///
/// let config = ConsumerConfig::default().concurrency(10).visibility_timeout(Duration::from_secs(60));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConsumerConfig {
    /// Messages handled at once: 64.
    pub concurrency: usize,
    /// Asked for in every receive; none, as by default: the queue's own, as it was when it was last looked at.
    pub visibility_timeout: Option<Duration>,
    /// How long a receive waits for messages: 20 s, which is also the most.
    pub long_poll: Duration,
    /// Receives open at once under load: 8. More never got more out of a queue in any measurement.
    pub max_pollers: usize,
    /// At most so many messages per second, on average; none, as by default: as many as come.
    pub max_per_second: Option<u32>,
    /// After a transient failure, by the receive count: from 1 s to 5 min.
    pub retry: Backoff,
    /// How long a handler may be at a message before its lease is given up, for it hangs: 15 min. Not for what an outage
    /// holds.
    pub lease_cap: Duration,
    /// So many different messages in a row in trouble, and none that gets through, are an outage: 5.
    pub outage_after: usize,
    /// The longest wait between two tries of what an outage holds, also where its dependency asks for a longer one: 30 s.
    pub longest_pause: Duration,
    /// How often the queue's attributes are looked at again: every 5 min.
    pub attributes_every: Duration,
    /// Batch calls of each kind (deletes, changes of visibility) under way at once: 4.
    pub max_calls: usize,
    /// From the call to stop until what is unfinished is given back: 30 s.
    pub shutdown_timeout: Duration,
    /// How long the last batch calls may take after that: 10 s.
    pub flush_timeout: Duration,
}

impl Default for ConsumerConfig {
    fn default() -> Self {
        Self {
            concurrency: 64,
            visibility_timeout: None,
            long_poll: LONGEST_POLL,
            max_pollers: 8,
            max_per_second: None,
            retry: Backoff::new(Duration::from_secs(1), Duration::from_secs(300)),
            lease_cap: Duration::from_secs(15 * 60),
            outage_after: 5,
            longest_pause: Duration::from_secs(30),
            attributes_every: Duration::from_secs(5 * 60),
            max_calls: 4,
            shutdown_timeout: Duration::from_secs(30),
            flush_timeout: Duration::from_secs(10),
        }
    }
}

/// One setter per field of the same name.
macro_rules! setters {
    ($($field:ident: $type:ty),* $(,)?) => {
        impl ConsumerConfig {
            $(
                #[doc = concat!("Sets [`", stringify!($field), "`](Self#structfield.", stringify!($field), ").")]
                #[must_use]
                pub fn $field(mut self, $field: $type) -> Self {
                    self.$field = $field.into();
                    self
                }
            )*
        }
    };
}

setters! {
    concurrency: usize,
    visibility_timeout: impl Into<Option<Duration>>,
    long_poll: Duration,
    max_pollers: usize,
    max_per_second: impl Into<Option<u32>>,
    retry: Backoff,
    lease_cap: Duration,
    outage_after: usize,
    longest_pause: Duration,
    attributes_every: Duration,
    max_calls: usize,
    shutdown_timeout: Duration,
    flush_timeout: Duration,
}

impl ConsumerConfig {
    /// The same with what cannot be brought to the nearest that can: nothing is done by nobody.
    pub(super) fn usable(self) -> Self {
        Self {
            concurrency: self.concurrency.max(1),
            long_poll: self.long_poll.min(LONGEST_POLL),
            max_pollers: self.max_pollers.max(1),
            max_per_second: self.max_per_second.map(|rate| rate.max(1)),
            outage_after: self.outage_after.max(1),
            max_calls: self.max_calls.max(1),
            ..self
        }
    }
}
