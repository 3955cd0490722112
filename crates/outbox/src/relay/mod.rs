//! The relay sends what is in the outbox.
//!
//! What this instance commits is handed over in memory, its lease taken: a message goes out at once, without a look at the
//! table. Once a second the relay sweeps the table for rows whose lease is over: what a crash, another instance or a full
//! hand-over has left behind. Either way the rows [gather](sqs::gathering) for calls that are full without anybody having
//! waited for them. A row whose lease is nearly over is dropped: a sweep, of this relay or of another one, will find it.
//!
//! Its loop waits for events only: whatever takes its time (a claim, a batch, a count) is a task beside it. What follows
//! from an event is decided in `State`, what a call's answer says about each row in `Sender`.

mod overdue;
mod send;
mod state;

use std::sync::Arc;
use std::time::Duration;

use database::WriteError;
use tokio::task::{JoinError, JoinSet, yield_now};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use crate::{Claimed, Outbox};
use overdue::Overdue;
use send::Sender;
use sqs::batch::OutgoingMessage;
use sqs::queue::Queue;
use state::{Outage, State, Step};

const SWEEP: Duration = Duration::from_secs(1);
/// How long after its end the rows that were not sent may take to be given back.
const GIVE_BACK: Duration = Duration::from_secs(2);
/// Rows that are given back by one write.
const GIVE_BACK_SET: usize = 500;

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
        Self { sender: Arc::new(Sender::new(outbox, queue, &metrics, on_published)) }
    }

    /// Sends until told to stop, and then what is left: in memory, and in the table until a claim finds no more. It awaits
    /// every call that it has begun, but not beyond the `deadline`: what it has not sent by then it gives back within two
    /// seconds, so that another instance sends it at once.
    pub async fn run(self, stop: CancellationToken, deadline: impl Future<Output = ()>) {
        let over = CancellationToken::new();
        let counting = self.sender.outbox.keep_counting(self.sender.queue.name(), &over);
        let sending = async {
            let _over = over.clone().drop_guard();
            let _open = self.sender.outbox.hand_over().open();
            Run::new(self.sender.clone()).until(&stop, deadline).await;
        };
        tokio::join!(sending, counting);
    }
}

/// A relay at work.
struct Run {
    sender: Arc<Sender>,
    state: State,
    overdue: Overdue,
    /// One at most, each with its limit.
    claims: JoinSet<(usize, Result<Vec<Claimed>, WriteError>)>,
    /// Whether what an earlier instance has left is free.
    is_first: bool,
    calls: JoinSet<Result<(), Outage>>,
    /// Whatever is under way is to come to an end.
    end: CancellationToken,
}

impl Run {
    fn new(sender: Arc<Sender>) -> Self {
        let (state, overdue, claims, calls, end) = Default::default();
        Self { sender, state, overdue, claims, is_first: true, calls, end }
    }

    async fn until(mut self, stop: &CancellationToken, deadline: impl Future<Output = ()>) {
        let sender = self.sender.clone();
        let mut deadline = std::pin::pin!(deadline);
        let mut sweep = interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let until = match self.state.next(Instant::now()) {
                Step::Send(batch) => {
                    let (sender, end) = (sender.clone(), self.end.clone());
                    self.calls.spawn(async move { sender.send(batch, end).await });
                    continue;
                }
                Step::Claim(limit) => {
                    self.claim(limit);
                    continue;
                }
                Step::Wait(until) => until,
                Step::End => break,
            };
            tokio::select! {
                () = sender.outbox.hand_over().news() => self.take_over().await,
                Some(call) = self.calls.join_next() => self.called(call),
                Some(claim) = self.claims.join_next() => self.claimed(claim, stop),
                _ = sweep.tick() => self.sweep(stop),
                () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {}
                () = stop.cancelled(), if !self.state.is_stopping() => {
                    sender.outbox.hand_over().close();
                    self.state.stop();
                }
                () = &mut deadline => break,
            }
        }
        self.give_back().await;
    }

    /// Takes what has been handed over. What is committed together is handed over one by one: the rest of a group may catch
    /// up, for as long as more of it comes.
    async fn take_over(&mut self) {
        let sender = self.sender.clone();
        let hand_over = sender.outbox.hand_over();
        loop {
            let rows = hand_over.take();
            if rows.is_empty() {
                break;
            }
            rows.into_iter().for_each(|row| self.state.push(row));
            if !self.state.may_gather_more() {
                break;
            }
            yield_now().await;
        }
        if hand_over.has_left_any_behind() {
            self.state.table_due();
        }
    }

    fn claim(&mut self, limit: usize) {
        let (outbox, is_first) = (self.sender.outbox.clone(), self.is_first);
        self.claims.spawn(async move {
            let claim = async {
                if is_first {
                    outbox.free_what_was_left().await?;
                }
                outbox.claim(limit).await
            };
            (limit, claim.await)
        });
    }

    fn claimed(
        &mut self,
        claim: Result<(usize, Result<Vec<Claimed>, WriteError>), JoinError>,
        stop: &CancellationToken,
    ) {
        let queue = self.sender.queue.name();
        match claim {
            Ok((limit, Ok(rows))) => {
                self.is_first = false;
                self.state.claimed(limit, rows);
                return self.look(stop);
            }
            Ok((_, Err(error))) => tracing::warn!(queue, %error, "the outbox cannot be read, will try again"),
            Err(panic) => tracing::error!(queue, error = %panic, "reading the outbox panicked"),
        }
        self.state.claim_failed();
    }

    fn called(&mut self, call: Result<Result<(), Outage>, JoinError>) {
        let outcome = call.unwrap_or_else(|panic| {
            // Its rows are free again when their lease ends.
            tracing::error!(queue = self.sender.queue.name(), error = %panic, "sending a batch panicked");
            Err(Outage)
        });
        self.state.call_ended(outcome, Instant::now());
    }

    fn sweep(&mut self, stop: &CancellationToken) {
        self.sender.show_pending();
        let (queue, outbox, now) = (&self.sender.queue, &self.sender.outbox, Instant::now());
        let (events, oldest) = (outbox.pending(), outbox.oldest());
        if self.overdue.is_to_be_told(oldest, now) {
            let (queue, oldest_s) = (queue.name(), oldest.as_secs());
            tracing::warn!(queue, events, oldest_s, "events have waited in the outbox for over a minute");
        }
        self.look(stop);
        self.state.sweep(now);
    }

    /// Finds out whether the queue is there, unless that is known or there is something to send, which tells.
    fn look(&mut self, stop: &CancellationToken) {
        let queue = &self.sender.queue;
        if queue.is_reachable() || self.state.is_stopping() || !self.state.is_idle(Instant::now()) {
            return;
        }
        let (queue, stop) = (queue.clone(), stop.clone());
        self.state.look_begun();
        self.calls.spawn(async move {
            tokio::select! {
                outcome = queue.refresh() => outcome.map_err(|_| Outage),
                // Whatever is left is tried all the same.
                () = stop.cancelled() => Ok(()),
            }
        });
    }

    /// Gives back what is in memory and not sent, and what is still being committed with a lease of this relay's.
    async fn give_back(mut self) {
        self.end.cancel();
        let sender = self.sender.clone();
        let hand_over = sender.outbox.hand_over();
        hand_over.close();
        let mut rows = std::mem::take(&mut self.state).into_rows();
        let given_back = async {
            loop {
                rows.extend(hand_over.take());
                for set in rows.chunks(GIVE_BACK_SET) {
                    sender.release(set).await;
                }
                rows.clear();
                tokio::select! {
                    Some(claim) = self.claims.join_next() => {
                        rows.extend(claim.ok().and_then(|(_, claimed)| claimed.ok()).unwrap_or_default());
                    }
                    Some(_) = self.calls.join_next() => {}
                    () = hand_over.news(), if hand_over.taken() > 0 => {}
                    else => return,
                }
            }
        };
        if timeout(GIVE_BACK, given_back).await.is_err() {
            let queue = sender.queue.name();
            tracing::warn!(queue, "not all rows could be given back, they are free when their lease ends");
        }
    }
}
