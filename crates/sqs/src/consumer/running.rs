//! The tasks of a running consumer: started together, and ended in an order that loses nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::delivery::Handler;
use super::error::ConsumerError;
use super::shared::Shared;
use super::{attributes, poll};
use crate::received::Receipt;

pub(super) struct Running<H> {
    shared: Arc<Shared<H>>,
    pollers: JoinSet<()>,
    /// What must go on for as long as a message is held.
    upkeep: JoinSet<()>,
    upkeep_stop: CancellationToken,
    /// What settles messages.
    batchers: JoinSet<()>,
}

impl<H: Handler> Running<H> {
    pub(super) fn start(shared: Arc<Shared<H>>) -> Self {
        let upkeep_stop = CancellationToken::new();
        let mut upkeep = JoinSet::new();
        let (queue, metrics, config) = (shared.queue.clone(), shared.metrics.clone(), &shared.config);
        let (cap, calls, every) = (config.lease_cap, config.max_calls, config.attributes_every);
        upkeep.spawn(shared.leases.clone().keep(queue.clone(), metrics, cap, calls, upkeep_stop.clone()));
        upkeep.spawn(attributes::keep_known(queue.clone(), every, upkeep_stop.clone()));
        let mut batchers = JoinSet::new();
        let deleted = queue.clone();
        batchers.spawn(shared.deletes.run(move |receipts: Vec<Receipt>| {
            let queue = deleted.clone();
            async move { queue.delete(&receipts).await }
        }));
        batchers.spawn(shared.visibility_changes.run(move |entries: Vec<(Receipt, Duration)>| {
            let queue = queue.clone();
            async move { queue.change_visibility(&entries).await }
        }));
        let pollers = poll::spawn_pollers(&shared);
        Self { shared, pollers, upkeep, upkeep_stop, batchers }
    }

    /// Lets them run until `stop` resolves, or until one of them has panicked.
    pub(super) async fn until(mut self, stop: impl Future<Output = ()>) -> Result<(), ConsumerError> {
        let outcome = tokio::select! {
            () = stop => Ok(()),
            Some(ended) = self.pollers.join_next() => ended.map_err(ConsumerError::of_part),
            Some(ended) = self.upkeep.join_next() => ended.map_err(ConsumerError::of_part),
            Some(ended) = self.batchers.join_next() => ended.map_err(ConsumerError::of_part),
        };
        let shared = self.shared.clone();
        let deadline = Instant::now() + shared.config.shutdown_timeout;
        tracing::info!(queue = shared.queue.name(), in_flight = shared.leases.count(), "stopping, no more receives");
        shared.stop.cancel();
        let outcome = outcome.and(self.end_polling(deadline).await);
        shared.polled.cancel();
        self.end_processing(deadline).await;
        let outcome = outcome.and(self.end_the_rest().await);
        tracing::info!(queue = shared.queue.name(), "stopped");
        outcome
    }

    async fn end_polling(&mut self, deadline: Instant) -> Result<(), ConsumerError> {
        let polled = timeout_at(deadline, all(&mut self.pollers)).await;
        polled.unwrap_or_else(|_| {
            let queue = self.shared.queue.name();
            tracing::warn!(queue, "a receive is still open; what it brings comes back after its visibility timeout");
            self.pollers.abort_all();
            Ok(())
        })
    }

    async fn end_processing(&self, deadline: Instant) {
        let Shared { queue, leases, processing, abort, .. } = &*self.shared;
        processing.close();
        if timeout_at(deadline, processing.wait()).await.is_err() {
            let (queue, unfinished) = (queue.name(), leases.count());
            tracing::warn!(queue, unfinished, "deadline reached, giving messages back");
            abort.cancel();
            if timeout(self.shared.config.flush_timeout, processing.wait()).await.is_err() {
                tracing::error!(queue, unfinished = leases.count(), "some messages could not be given back");
            }
        }
    }

    async fn end_the_rest(&mut self) -> Result<(), ConsumerError> {
        self.upkeep_stop.cancel();
        self.shared.deletes.close();
        self.shared.visibility_changes.close();
        let kept = all(&mut self.upkeep).await;
        let settled = timeout(self.shared.config.flush_timeout, all(&mut self.batchers)).await;
        kept.and(settled.unwrap_or_else(|_| {
            tracing::error!(queue = self.shared.queue.name(), "the last batch calls have not been answered");
            self.batchers.abort_all();
            Ok(())
        }))
    }
}

/// Awaits all tasks; the error is that of one that has panicked.
async fn all(tasks: &mut JoinSet<()>) -> Result<(), ConsumerError> {
    let mut outcome = Ok(());
    while let Some(ended) = tasks.join_next().await {
        outcome = outcome.and(ended.map_err(ConsumerError::of_part));
    }
    outcome
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;
    use crate::consumer::{ConsumerConfig, Delivery, Verdict};
    use crate::{Queue, client};

    struct Idle;

    impl Handler for Idle {
        async fn handle(&self, _: &Delivery) -> Verdict {
            Verdict::Done
        }
    }

    /// A consumer of a queue that is out of reach.
    async fn running() -> Running<Idle> {
        let queue = Queue::new(client::for_endpoint("http://127.0.0.1:9").await, "orders");
        Running::start(Arc::new(Shared::new(queue, Idle, ConsumerConfig::default())))
    }

    #[tokio::test]
    async fn a_part_that_panics_ends_the_consumer_with_an_error() {
        type Part = fn(&mut Running<Idle>) -> &mut JoinSet<()>;
        let parts: [Part; 3] =
            [|running| &mut running.pollers, |running| &mut running.upkeep, |running| &mut running.batchers];
        for part in parts {
            let mut running = running().await;
            part(&mut running).spawn(async { panic!("a bug in a part") });
            let ended = running.until(pending()).await;
            assert!(matches!(ended, Err(ConsumerError::Panicked(_))));
        }
    }

    #[tokio::test]
    async fn a_consumer_that_is_told_to_stop_ends_without_an_error() {
        assert!(running().await.until(ready(())).await.is_ok());
    }
}
