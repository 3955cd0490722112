//! A message's way from the receive to its settlement.

use std::convert::Infallible;
use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep};

use super::delivery::{Delivery, Handler, Verdict};
use super::outage::{Blame, Tries, Turn};
use super::shared::Shared;
use crate::received::Received;
use crate::spans::Processing;
use crate::trace::{TRACEPARENT, TraceContext};

/// Processes what a receive has brought, side by side in one task: messages that came together often wait for the same
/// write and the same delete, and are then woken once. Each has a slot of its own, which is free again, and a lease, which
/// ends, when it has been processed, whatever the others do.
pub(super) async fn process<H: Handler>(
    shared: Arc<Shared<H>>,
    messages: Vec<Received>,
    hidden_for: Duration,
    slots: Vec<OwnedSemaphorePermit>,
) {
    // All leases begin before the first message is handled.
    let deliveries = messages.into_iter().map(|message| shared.delivery(message, hidden_for));
    let mut processing: FuturesUnordered<_> =
        deliveries.zip(slots).map(|(delivery, slot)| shared.process_in(slot, delivery)).collect();
    while processing.next().await.is_some() {}
}

/// Why a held message is not tried again.
enum NoMore {
    Stopped,
    /// SQS would not let it be held for much longer.
    HeldTooLong,
    /// Somebody else has it by now, or will.
    LeaseLost,
}

impl<H: Handler> Shared<H> {
    /// Processes a message whose slot this is. Should that panic, it is this message's harm alone: it comes again after its
    /// visibility timeout.
    async fn process_in(&self, _slot: OwnedSemaphorePermit, mut delivery: Delivery) {
        let _in_flight = self.metrics.in_flight();
        let processing = async {
            let mut span = Processing::begin(self.queue.name(), &delivery.message_id, delivery.trace);
            delivery.trace = span.context();
            self.handler.around(&delivery, self.process(&delivery, &mut span)).await;
        };
        if AssertUnwindSafe(processing).catch_unwind().await.is_err() {
            let (queue, message_id) = (self.queue.name(), &delivery.message_id);
            tracing::error!(queue, message_id, "processing a message panicked, it will come again");
        }
        self.progress.made();
    }

    fn delivery(&self, message: Received, hidden_for: Duration) -> Delivery {
        Delivery {
            message_id: message.message_id,
            body: message.body,
            attempt: message.receive_count,
            trace: TraceContext::continue_from(message.attributes.get(TRACEPARENT).map(String::as_str)),
            attributes: message.attributes,
            lease: self.leases.hold(message.receipt, hidden_for),
        }
    }

    /// Has the message handled, again and again where nobody is to blame, until it can be settled.
    async fn process(&self, delivery: &Delivery, span: &mut Processing) {
        let mut tries = Tries::first();
        let mut long_busy = None;
        // Held for as long as the message is on trial for all.
        let mut turn = None;
        loop {
            if self.stop.is_cancelled() {
                let Err(no_more) = self.hold(delivery, pending::<Infallible>()).await;
                return self.let_go(delivery, no_more).await;
            }
            let verdict = self.handle(delivery).await;
            // Its settlement may take long, and the others need not wait for that.
            drop(turn.take());
            let Some(verdict) = verdict else { return self.give_back(delivery).await };
            let (after, reason) = match verdict {
                Verdict::Done => {
                    self.outage.got_through(&tries);
                    return self.delete(delivery, "done").await;
                }
                Verdict::Repeated => {
                    // What was in its way is no longer, be it that the answer to its own commit was all that it lacked.
                    if tries.number() > 1 {
                        self.outage.got_through(&tries);
                    }
                    return self.delete(delivery, "done").await;
                }
                Verdict::Reject { kind, reason } => {
                    span.fail(kind, &reason);
                    return self.reject(delivery, kind, reason).await;
                }
                Verdict::Retry { reason, after } => match self.outage.failed(&delivery.message_id, &mut tries) {
                    Blame::Message => {
                        span.fail("retry", &reason);
                        return self.retry(delivery, &reason, after).await;
                    }
                    Blame::Nobody => (after, reason),
                },
                Verdict::Away { reason, after } => match self.outage.away(&delivery.message_id, &mut tries) {
                    Blame::Message => {
                        span.fail("retry", &reason);
                        return self.retry(delivery, &reason, after).await;
                    }
                    Blame::Nobody => (after, reason),
                },
                Verdict::Busy { reason, after } => {
                    let none_left = self.long_busy.available_permits() == 0;
                    if long_busy.is_none() && (none_left || delivery.lease.has_been_extended()) {
                        long_busy = self.long_busy.try_acquire().ok();
                        if long_busy.is_none() {
                            span.fail("busy", &reason);
                            return self.retry(delivery, &reason, Some(delivery.lease.timeout())).await;
                        }
                    }
                    tracing::info!(reason, again_in_ms = after.as_millis() as u64, "held, will try again in place");
                    match self.hold(delivery, sleep(after)).await {
                        Ok(()) => continue,
                        Err(no_more) => return self.let_go(delivery, no_more).await,
                    }
                }
            };
            if tries.number() == 1 {
                tracing::warn!(reason, "held, will try again in place until it gets through");
            } else {
                tracing::debug!(reason, tries = tries.number(), "still held");
            }
            match self.hold(delivery, self.outage.turn(&tries, after)).await {
                Ok(next) => turn = Some::<Turn<'_>>(next),
                Err(no_more) => return self.let_go(delivery, no_more).await,
            }
            tries.begin_another();
        }
    }

    /// The handler's verdict; none if the consumer cannot wait for it any longer.
    async fn handle(&self, delivery: &Delivery) -> Option<Verdict> {
        let started = Instant::now();
        let handling = AssertUnwindSafe(self.handler.handle(delivery)).catch_unwind();
        let verdict = tokio::select! {
            verdict = handling => verdict,
            () = self.abort.cancelled() => return None,
        };
        let verdict =
            verdict.unwrap_or_else(|_| Verdict::Retry { reason: "the handler panicked".to_owned(), after: None });
        self.metrics.processed(started.elapsed(), verdict.error_type());
        Some(verdict)
    }

    /// Waits while the message keeps its slot and its lease.
    async fn hold<T>(&self, delivery: &Delivery, waiting: impl Future<Output = T>) -> Result<T, NoMore> {
        let _held = delivery.lease.hold_on_purpose();
        tokio::select! {
            waited = waiting => Ok(waited),
            () = self.polled.cancelled() => Err(NoMore::Stopped),
            () = delivery.lease.longest_hold() => Err(NoMore::HeldTooLong),
            () = delivery.lease.lost() => Err(NoMore::LeaseLost),
        }
    }

    async fn let_go(&self, delivery: &Delivery, no_more: NoMore) {
        match no_more {
            NoMore::Stopped | NoMore::HeldTooLong => self.give_back(delivery).await,
            NoMore::LeaseLost => tracing::warn!("no longer held, the message will come again"),
        }
    }
}
