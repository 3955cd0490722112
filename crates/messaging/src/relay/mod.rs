//! The relay sends what is in the outbox.
//!
//! It is woken by each commit, so a message goes out without a polling delay, and looks once a second for what another
//! instance has left behind. A first batch goes at once, whatever its size; while calls are under way, further ones
//! start only with ten messages: under load the batches are full without anybody having waited for them.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::batch::{MAX_BYTES, MAX_ENTRIES, OutgoingMessage, pack};
use crate::metrics::label;
use crate::outbox::{Claimed, Outbox, Settlement};
use crate::queue::{EntryError, Queue, QueueError};

/// Batch calls under way at once.
const MAX_FLIGHTS: usize = 8;
const SWEEP: Duration = Duration::from_secs(1);
/// For a row that failed in a batch that did not.
const ROW_BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(300));
/// For a queue, or a database, that is out of reach.
const OUTAGE_BACKOFF: Backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(5));

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

struct Sender {
    outbox: Outbox,
    queue: Queue,
    on_published: OnPublished,
}

/// Something that the whole relay depends on is out of reach.
struct Outage;

impl Relay {
    /// A relay that is not running yet.
    pub fn new(outbox: Outbox, queue: Queue, on_published: OnPublished) -> Self {
        Self { sender: Arc::new(Sender { outbox, queue, on_published }) }
    }

    /// Sends until told to stop, and then what can still be sent; awaits every call it has begun.
    pub async fn run(self, stop: CancellationToken) {
        let outbox = &self.sender.outbox;
        let mut flights: JoinSet<Result<(), Outage>> = JoinSet::new();
        let mut sweep = interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut outages, mut resume) = (0, Instant::now());
        // Whether rows may be due, and whether the last claim left some.
        let (mut due, mut backlog) = (true, false);
        loop {
            let stopping = stop.is_cancelled();
            let worth_a_call = flights.is_empty() || backlog || outbox.has_full_batch();
            let may_send = flights.len() < MAX_FLIGHTS && (outages == 0 || flights.is_empty());
            if due && worth_a_call && may_send && Instant::now() >= resume {
                // After an outage, one batch finds out whether it is over.
                let calls = if outages == 0 { MAX_FLIGHTS - flights.len() } else { 1 };
                let claimed = self.sender.claim(calls * MAX_ENTRIES).await;
                due = !claimed.is_empty();
                backlog = claimed.len() == calls * MAX_ENTRIES;
                for batch in pack(claimed) {
                    let sender = self.sender.clone();
                    flights.spawn(async move { sender.send(batch).await });
                }
            }
            if stopping && flights.is_empty() && (!due || outages > 0) {
                return;
            }
            tokio::select! {
                Some(flight) = flights.join_next() => {
                    due = true;
                    match flight {
                        Ok(Ok(())) => outages = 0,
                        Ok(Err(Outage)) => {
                            outages += 1;
                            resume = Instant::now() + OUTAGE_BACKOFF.wait(outages);
                        }
                        // Its rows are free again when their lease ends.
                        Err(panic) => tracing::error!(error = %panic, "sending a batch panicked"),
                    }
                }
                () = outbox.woken() => due = true,
                _ = sweep.tick() => {
                    let nothing_to_send = !std::mem::replace(&mut due, true);
                    self.sender.count().await;
                    // Tells whether the queue is there; if there is something to send, that tells.
                    let idle = nothing_to_send && flights.is_empty() && Instant::now() >= resume;
                    if idle && !self.sender.queue.is_reachable() {
                        let queue = self.sender.queue.clone();
                        flights.spawn(async move { queue.ping().await.map_err(|_| Outage) });
                    }
                }
                () = stop.cancelled(), if !stopping => due = true,
            }
        }
    }
}

impl Sender {
    async fn count(&self) {
        let queue = self.queue.name();
        match self.outbox.count().await {
            Ok(rows) => {
                self.queue.metrics().outbox_pending.get_or_create(&label(queue)).set(rows as i64);
            }
            Err(error) => tracing::warn!(queue, %error, "the outbox cannot be counted"),
        }
    }

    async fn claim(&self, limit: usize) -> Vec<Claimed> {
        self.outbox.claim(limit).await.unwrap_or_else(|error| {
            tracing::warn!(queue = self.queue.name(), %error, "the outbox cannot be read, will try again");
            Vec::new()
        })
    }

    /// Sends one batch and takes each entry's result into the outbox.
    async fn send(&self, batch: Vec<Claimed>) -> Result<(), Outage> {
        let mut settlement = Settlement::default();
        let outcome = self.try_send(&batch, &mut settlement).await;
        // Should this fail, the rows go out once more when their lease ends: at least once, not at most once.
        let settled = self.outbox.settle(settlement).await;
        if let Err(error) = &settled {
            tracing::warn!(queue = self.queue.name(), %error, "sent messages stay in the outbox, they will be sent twice");
        }
        if outcome.is_err() || settled.is_err() { Err(Outage) } else { Ok(()) }
    }

    async fn try_send(&self, batch: &[Claimed], settlement: &mut Settlement) -> Result<(), Outage> {
        let fitting = batch.iter().filter(|row| row.message.fits());
        let messages: Vec<OutgoingMessage> = fitting.map(|row| row.message.clone()).collect();
        for row in batch.iter().filter(|row| !row.message.fits()) {
            self.set_aside(row, format!("larger than the {MAX_BYTES} bytes that SQS takes"), settlement);
        }
        if messages.is_empty() {
            return Ok(());
        }
        match self.queue.send(&messages).await {
            Ok(results) => {
                for (row, result) in batch.iter().filter(|row| row.message.fits()).zip(results) {
                    self.sort(row, result, settlement);
                }
                Ok(())
            }
            // The call as a whole was refused: one by one it will show which of them is to blame.
            Err(QueueError::Refused { .. }) if batch.len() > 1 => {
                for row in batch {
                    Box::pin(self.try_send(std::slice::from_ref(row), settlement)).await?;
                }
                Ok(())
            }
            Err(QueueError::Refused { reason, .. }) => {
                batch.iter().for_each(|row| self.set_aside(row, reason.clone(), settlement));
                Ok(())
            }
            Err(_) => {
                settlement.retry.extend(messages.into_iter().map(|message| (message.id, Duration::ZERO)));
                Err(Outage)
            }
        }
    }

    fn sort(&self, row: &Claimed, result: Result<String, EntryError>, settlement: &mut Settlement) {
        let queue = self.queue.name();
        match result {
            Ok(message_id) => {
                self.queue.metrics().published.get_or_create(&label(queue)).inc();
                let attempt = row.attempts + 1;
                (self.on_published)(Published { message: &row.message, message_id: &message_id, queue, attempt });
                settlement.sent.push(row.message.id.clone());
            }
            Err(error) if error.sender_fault => self.set_aside(row, error.to_string(), settlement),
            Err(error) => {
                let wait = ROW_BACKOFF.wait(row.attempts + 1);
                tracing::warn!(queue, event_id = row.message.id, %error, retry_in_ms = wait.as_millis(), "not sent");
                settlement.retry.push((row.message.id.clone(), wait));
            }
        }
    }

    fn set_aside(&self, row: &Claimed, reason: String, settlement: &mut Settlement) {
        let queue = self.queue.name();
        tracing::error!(queue, event_id = row.message.id, reason, "SQS will never take this message, set aside");
        self.queue.metrics().outbox_set_aside.get_or_create(&label(queue)).inc();
        settlement.set_aside.push((row.message.id.clone(), reason));
    }
}
