//! Load in a closed loop: so many connections, each with its next request as soon as it has its answer.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Result;
use futures::future::try_join_all;
use hdrhistogram::Histogram;

use crate::http::{Connection, request};

/// What to ask for, of whom.
pub(crate) struct Load<'a> {
    pub(crate) address: SocketAddr,
    /// Whole requests, taken in turn.
    pub(crate) requests: &'a [Vec<u8>],
    /// The status of an answer that counts.
    pub(crate) expected: u16,
    pub(crate) connections: usize,
}

/// What came of it.
pub(crate) struct Outcome {
    /// Answers with the expected status, those of the warm-up included.
    pub(crate) answered: usize,
    /// Answers with any other.
    pub(crate) refused: usize,
    /// Expected answers per second of the measured time.
    pub(crate) per_second: f64,
    /// Microseconds, of the measured time.
    latency: Histogram<u64>,
}

impl Outcome {
    /// Milliseconds.
    pub(crate) fn percentile(&self, percentile: f64) -> f64 {
        self.latency.value_at_percentile(percentile) as f64 / 1_000.0
    }
}

impl Load<'_> {
    /// For some time, the first part of which is not measured.
    pub(crate) async fn during(&self, warm_up: Duration, measured: Duration) -> Result<Outcome> {
        let start = Instant::now() + warm_up;
        self.run(start, Some(start + measured), usize::MAX).await
    }

    /// So many requests, all of them measured.
    pub(crate) async fn times(&self, requests: usize) -> Result<Outcome> {
        self.run(Instant::now(), None, requests).await
    }

    async fn run(&self, start: Instant, end: Option<Instant>, requests: usize) -> Result<Outcome> {
        let latency = RefCell::new(Histogram::<u64>::new_with_bounds(1, 600_000_000, 3)?);
        let [asked, answered, refused] = [const { Cell::new(0) }; 3];
        let connection = async || -> Result<()> {
            let mut connection = Connection::open(self.address).await?;
            while asked.get() < requests {
                let number = asked.replace(asked.get() + 1);
                let sent = Instant::now();
                if end.is_some_and(|end| sent >= end) {
                    break;
                }
                let answer = connection.call(&self.requests[number % self.requests.len()]).await?;
                if answer.status != self.expected {
                    if refused.replace(refused.get() + 1) == 0 {
                        let body = String::from_utf8_lossy(answer.body);
                        eprintln!("an answer {} instead of {}: {body}", answer.status, self.expected);
                    }
                    continue;
                }
                answered.set(answered.get() + 1);
                let now = Instant::now();
                if sent >= start && end.is_none_or(|end| now <= end) {
                    latency.borrow_mut().saturating_record((now - sent).as_micros().max(1) as u64);
                }
            }
            Ok(())
        };
        try_join_all((0..self.connections).map(|_| connection())).await?;
        let measured = end.unwrap_or_else(Instant::now) - start;
        let latency = latency.into_inner();
        let per_second = latency.len() as f64 / measured.as_secs_f64();
        Ok(Outcome { answered: answered.get(), refused: refused.get(), per_second, latency })
    }
}

/// Orders of many users, each of a total that the simulated provider charges at once.
pub(crate) fn orders() -> Vec<Vec<u8>> {
    let order = |user: usize| {
        let body = format!(r#"{{"userId":"user-{user}","total":42.00}}"#);
        request("POST", "/orders", "content-type: application/json\r\n", &body)
    };
    (0..1_000).map(order).collect()
}
