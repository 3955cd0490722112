//! The relay sends what is in the outbox.
//!
//! It is woken by each commit, so a message goes out without a polling delay, and looks once a second for what another
//! instance has left behind. A first batch goes at once, whatever its size; while calls are under way, further ones
//! start only with ten messages: under load the batches are full without anybody having waited for them.
//!
//! Its loop waits for events only: whatever takes its time (a claim, a batch, a count) is a task beside it. What follows
//! from an event is decided in `State`, what a call's answer says about each row in `Sender`.

mod send;
mod state;

use std::sync::Arc;
use std::time::Duration;

use database::WriteError;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use crate::{Claims, Outbox};
use send::Sender;
use sqs::batch::{MAX_ENTRIES, OutgoingMessage, pack};
use sqs::queue::Queue;
use state::{Outage, State, Step};

const SWEEP: Duration = Duration::from_secs(1);
/// How long after the deadline the rows that were not sent may take to be given back.
const GIVE_BACK: Duration = Duration::from_secs(2);

/// A message that SQS has taken.
#[derive(Debug)]
pub struct Published<'a> {
    /// What was sent.
    pub message: &'a OutgoingMessage,
    /// The id that SQS gave it.
    pub message_id: &'a str,
    /// The queue's name.
    pub queue: &'a str,
    /// Which try it was.
    pub attempt: u32,
}

/// Told of each message that SQS has taken; for the log, in words that this crate does not know.
pub type OnPublished = fn(Published<'_>);

/// Sends the outbox of one service to one queue.
pub struct Relay {
    sender: Arc<Sender>,
}

impl Relay {
    /// A relay that is not running yet.
    pub fn new(outbox: Outbox, queue: Queue, metrics: Metrics, on_published: OnPublished) -> Self {
        metrics.begin(queue.name());
        Self { sender: Arc::new(Sender { outbox, queue, metrics, on_published }) }
    }

    /// Sends until told to stop, and then what is left, until a claim finds no full batches any more. It awaits every call
    /// that it has begun, but not beyond the `deadline`: what it has claimed and not sent by then it gives back within two
    /// seconds, so that another instance sends it at once.
    pub async fn run(self, stop: CancellationToken, deadline: impl Future<Output = ()>) {
        let over = CancellationToken::new();
        let counting = self.sender.outbox.keep_counting(self.sender.queue.name(), &over);
        let sending = async {
            let _over = over.clone().drop_guard();
            Run::new(self.sender.clone()).until(&stop, deadline).await;
        };
        tokio::join!(sending, counting);
    }
}

/// A relay at work.
struct Run {
    sender: Arc<Sender>,
    state: State,
    /// One at most.
    claims: JoinSet<(usize, Result<Claims, WriteError>)>,
    flights: JoinSet<Result<(), Outage>>,
    /// Whatever is under way is to come to an end.
    end: CancellationToken,
}

impl Run {
    fn new(sender: Arc<Sender>) -> Self {
        let (claims, flights, end) = Default::default();
        Self { sender, state: State::new(), claims, flights, end }
    }

    async fn until(mut self, stop: &CancellationToken, deadline: impl Future<Output = ()>) {
        let sender = self.sender.clone();
        let mut deadline = std::pin::pin!(deadline);
        let mut sweep = interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stopping = false;
        loop {
            let until = match self.state.next(sender.outbox.has_full_batch(), Instant::now()) {
                Step::End => return,
                Step::Claim { calls } => {
                    self.claim(calls);
                    continue;
                }
                Step::Wait { until } => until,
            };
            tokio::select! {
                Some(claim) = self.claims.join_next() => self.claimed(claim),
                Some(flight) = self.flights.join_next() => self.landed(flight),
                () = sender.outbox.woken() => self.state.rows_may_be_due(),
                _ = sweep.tick() => self.sweep(stop),
                () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {}
                () = stop.cancelled(), if !stopping => {
                    stopping = true;
                    self.state.stop();
                }
                () = &mut deadline => return self.give_back().await,
            }
        }
    }

    fn claim(&mut self, calls: usize) {
        self.state.claim_begun();
        let outbox = self.sender.outbox.clone();
        self.claims.spawn(async move { (calls, outbox.claim(calls * MAX_ENTRIES).await) });
    }

    fn claimed(&mut self, claim: Result<(usize, Result<Claims, WriteError>), JoinError>) {
        let queue = self.sender.queue.name();
        match claim {
            Ok((calls, Ok(Claims { lease, rows }))) => {
                self.state.claimed(calls, rows.len());
                for batch in pack(rows) {
                    let (sender, end) = (self.sender.clone(), self.end.clone());
                    self.fly(async move { sender.send(lease, batch, end).await });
                }
            }
            Ok((_, Err(error))) => {
                tracing::warn!(queue, %error, "the outbox cannot be read, will try again");
                self.state.claim_failed(Instant::now());
            }
            Err(panic) => {
                tracing::error!(queue, error = %panic, "reading the outbox panicked");
                self.state.claim_failed(Instant::now());
            }
        }
    }

    fn fly(&mut self, call: impl Future<Output = Result<(), Outage>> + Send + 'static) {
        self.state.flight_begun();
        self.flights.spawn(call);
    }

    fn landed(&mut self, flight: Result<Result<(), Outage>, JoinError>) {
        let outcome = flight.unwrap_or_else(|panic| {
            // Its rows are free again when their lease ends.
            tracing::error!(queue = self.sender.queue.name(), error = %panic, "sending a batch panicked");
            Err(Outage)
        });
        self.state.flight_ended(outcome, Instant::now());
    }

    fn sweep(&mut self, stop: &CancellationToken) {
        let queue = &self.sender.queue;
        let outbox = &self.sender.outbox;
        self.sender.metrics.waiting(queue.name(), outbox.pending(), outbox.oldest());
        // Tells whether the queue is there; if there is something to send, that tells.
        if self.state.is_idle(Instant::now()) && !queue.is_reachable() {
            let (queue, stop) = (queue.clone(), stop.clone());
            self.fly(async move {
                tokio::select! {
                    outcome = queue.refresh() => outcome.map_err(|_| Outage),
                    // Whatever is left is tried all the same.
                    () = stop.cancelled() => Ok(()),
                }
            });
        }
        self.state.rows_may_be_due();
    }

    /// Gives back what is claimed and not sent.
    async fn give_back(mut self) {
        self.end.cancel();
        let given_back = async {
            while let Some(claim) = self.claims.join_next().await {
                if let Ok((_, Ok(Claims { lease, rows }))) = claim {
                    self.sender.release(lease, &rows).await;
                }
            }
            while self.flights.join_next().await.is_some() {}
        };
        if timeout(GIVE_BACK, given_back).await.is_err() {
            let queue = self.sender.queue.name();
            tracing::warn!(queue, "not all rows could be given back, they are free when their lease ends");
        }
    }
}
