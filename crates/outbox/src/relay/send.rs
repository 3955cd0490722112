//! One batch call, and what it says about each row.

use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::state::{CALL, Outage};
use super::{OnPublished, Published};
use crate::metrics::{Metrics, QueueMetrics};
use crate::{Claimed, Fate, Outbox, Settlement};
use sqs::backoff::Backoff;
use sqs::batch::MAX_BYTES;
use sqs::queue::{EntryError, EntryResults, Queue, QueueError};

/// For a row that failed in a batch that did not.
const ROW_BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(300));

pub(super) struct Sender {
    pub(super) outbox: Outbox,
    pub(super) queue: Queue,
    metrics: QueueMetrics,
    on_published: OnPublished,
}

impl Sender {
    pub(super) fn new(outbox: Outbox, queue: Queue, metrics: &Metrics, on_published: OnPublished) -> Self {
        let metrics = metrics.of(queue.name());
        Self { outbox, queue, metrics, on_published }
    }

    pub(super) fn show_pending(&self) {
        self.metrics.waiting(self.outbox.pending(), self.outbox.oldest());
    }

    /// Sends one batch and takes each entry's result into the outbox. A call without an answer is given up while the rows'
    /// leases still last. At the `end`, rows whose call is still under way are released: should SQS have taken them all the
    /// same, they are sent twice, rather than late.
    pub(super) async fn send(&self, batch: Vec<Claimed>, end: CancellationToken) -> Result<(), Outage> {
        let mut settlement = Settlement::default();
        let outcome = tokio::select! {
            outcome = timeout(CALL, self.try_send(&batch, &mut settlement)) => Some(outcome),
            () = end.cancelled() => None,
        };
        let outcome = match outcome {
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) => {
                let unanswered: Vec<_> = batch.iter().filter(|row| !settlement.has(row)).collect();
                let (queue, rows) = (self.queue.name(), unanswered.len());
                tracing::warn!(queue, rows, "SQS did not answer a batch in {} s, will try again", CALL.as_secs());
                Err(away(unanswered, &mut settlement))
            }
            None => Err(Outage),
        };
        self.settle(&batch, settlement).await?;
        outcome
    }

    /// Releases rows that were claimed and not sent.
    pub(super) async fn release(&self, rows: &[Claimed]) {
        // What fails is told of there.
        let _ = self.settle(rows, Settlement::default()).await;
    }

    async fn settle(&self, rows: &[Claimed], mut settlement: Settlement) -> Result<(), Outage> {
        for row in rows {
            if !settlement.has(row) {
                settlement.add(row, Fate::Released);
            }
        }
        // Should this fail, the rows go out once more when their lease ends: at least once, not at most once.
        self.outbox.settle(settlement).await.map_err(|error| {
            let queue = self.queue.name();
            tracing::warn!(queue, %error, "what became of a batch is not in the outbox, it will be sent again");
            Outage
        })
    }

    async fn try_send(&self, rows: &[Claimed], settlement: &mut Settlement) -> Result<(), Outage> {
        // One that is too large is never gathered with others.
        if let [row] = rows
            && !row.message.fits()
        {
            self.set_aside(row, format!("larger than the {MAX_BYTES} bytes that SQS takes"), settlement);
            return Ok(());
        }
        match self.queue.send(rows).await {
            Ok(results) => self.sort(rows, results, settlement),
            // One by one it will show which of them is to blame.
            Err(QueueError::Refused { .. }) if rows.len() > 1 => {
                for row in rows {
                    Box::pin(self.try_send(std::slice::from_ref(row), settlement)).await?;
                }
                Ok(())
            }
            Err(QueueError::Refused { reason, .. }) => {
                rows.iter().for_each(|row| self.set_aside(row, reason.clone(), settlement));
                Ok(())
            }
            Err(_) => Err(away(rows, settlement)),
        }
    }

    /// Takes each entry's result. If SQS took none and refused none, it is not the rows that are at fault.
    fn sort(&self, rows: &[Claimed], results: EntryResults<String>, settlement: &mut Settlement) -> Result<(), Outage> {
        let queue = self.queue.name();
        let says_nothing = |result: &Result<_, EntryError>| matches!(result, Err(error) if !error.sender_fault);
        if results.iter().all(says_nothing) {
            if let Some(Err(error)) = results.first() {
                tracing::warn!(queue, rows = rows.len(), %error, "SQS took none of a batch, will try again");
            }
            return Err(away(rows, settlement));
        }
        for (row, result) in rows.iter().zip(results) {
            match result {
                Ok(message_id) => {
                    let attempt = row.attempts + 1;
                    (self.on_published)(Published { message: &row.message, message_id: &message_id, queue, attempt });
                    settlement.add(row, Fate::Sent);
                }
                Err(error) if error.sender_fault => self.set_aside(row, error.to_string(), settlement),
                Err(error) => {
                    let wait = ROW_BACKOFF.wait(row.attempts + 1);
                    tracing::warn!(queue, event_id = row.message.id, %error, retry_in_ms = wait.as_millis(), "not sent");
                    settlement.add(row, Fate::Retry(wait));
                }
            }
        }
        Ok(())
    }

    fn set_aside(&self, row: &Claimed, reason: String, settlement: &mut Settlement) {
        let (queue, event_id) = (self.queue.name(), &row.message.id);
        tracing::error!(
            queue,
            event_id,
            subject = row.message.subject,
            reason,
            "SQS refused this message, set aside; this service's command `outbox retry --id {event_id}` sends it again"
        );
        self.metrics.set_aside.inc();
        settlement.add(row, Fate::SetAside(reason));
    }
}

/// The rows wait behind all others: the next try is another one's.
fn away<'a>(rows: impl IntoIterator<Item = &'a Claimed>, settlement: &mut Settlement) -> Outage {
    rows.into_iter().for_each(|row| settlement.add(row, Fate::Postponed));
    Outage
}
