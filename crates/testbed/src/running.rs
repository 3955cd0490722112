//! A consumer at work, and what its handler has seen.

use std::collections::HashSet;
use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use sqs::consumer::Progress;
use sqs::{Consumer, ConsumerConfig, ConsumerError, Delivery, Handler, Queue, Verdict};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{Scene, eventually};

/// A running consumer.
pub struct Running {
    /// Its queue.
    pub queue: Queue,
    /// Whether it gets on.
    pub progress: Progress,
    seen: Arc<Seen>,
    stop: CancellationToken,
    running: JoinHandle<Result<(), ConsumerError>>,
}

/// What a handler has seen.
#[derive(Default)]
pub struct Seen {
    deliveries: Mutex<Vec<(String, u32)>>,
    now: AtomicUsize,
    most: AtomicUsize,
    verdicts: AtomicUsize,
}

struct Recording<F> {
    act: F,
    seen: Arc<Seen>,
}

impl<F> Handler for Recording<F>
where
    F: for<'a> Fn(&'a Delivery) -> BoxFuture<'a, Verdict> + Send + Sync + 'static,
{
    async fn handle(&self, delivery: &Delivery) -> Verdict {
        self.seen.deliveries.lock().unwrap().push((delivery.body.clone(), delivery.attempt));
        let now = self.seen.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.seen.most.fetch_max(now, Ordering::SeqCst);
        let verdict = (self.act)(delivery).await;
        self.seen.now.fetch_sub(1, Ordering::SeqCst);
        self.seen.verdicts.fetch_add(1, Ordering::SeqCst);
        verdict
    }
}

impl Scene {
    /// Starts a consumer of `orders` that does with each message what `act` says.
    pub fn consume<F>(&self, config: ConsumerConfig, act: F) -> Running
    where
        F: for<'a> Fn(&'a Delivery) -> BoxFuture<'a, Verdict> + Send + Sync + 'static,
    {
        let (queue, seen, stop) = (self.queue(), Arc::<Seen>::default(), CancellationToken::new());
        let consumer = Consumer::new(queue.clone(), Recording { act, seen: seen.clone() }, config);
        let progress = consumer.progress();
        let running = tokio::spawn(consumer.run(stop.clone().cancelled_owned()));
        Running { queue, progress, seen, stop, running }
    }

    /// Stops a consumer once all messages are settled; nothing may be left of them. What its handler has seen.
    pub async fn end(&self, consumer: Running) -> Arc<Seen> {
        eventually("all messages are settled", async || (self.metric("messages_in_flight") == 0.0).then_some(())).await;
        let seen = consumer.stop().await;
        self.queues.expect_all_empty(&["orders", "orders-dlq"]).await;
        seen
    }
}

impl Seen {
    /// How often the handler was called.
    pub fn deliveries(&self) -> usize {
        self.deliveries.lock().unwrap().len()
    }

    /// The receive counts with which a message has come, in that order.
    pub fn attempts(&self, body: &str) -> Vec<u32> {
        let deliveries = self.deliveries.lock().unwrap();
        deliveries.iter().filter(|(delivered, _)| delivered == body).map(|(_, attempt)| *attempt).collect()
    }

    /// The different bodies that have come.
    pub fn bodies(&self) -> HashSet<String> {
        self.deliveries.lock().unwrap().iter().map(|(body, _)| body.clone()).collect()
    }

    /// The most messages that were handled at the same time.
    pub fn most_at_once(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    /// How often the handler came to a verdict.
    pub fn verdicts(&self) -> usize {
        self.verdicts.load(Ordering::SeqCst)
    }

    /// Waits until the handler has been called so often.
    pub async fn delivered(&self, deliveries: usize) {
        let what = format!("{deliveries} deliveries");
        eventually(&what, async || (self.deliveries() >= deliveries).then_some(())).await;
    }

    /// Waits until the handler has come to so many verdicts.
    pub async fn decided(&self, verdicts: usize) {
        let what = format!("{verdicts} verdicts");
        eventually(&what, async || (self.verdicts() >= verdicts).then_some(())).await;
    }
}

impl Deref for Running {
    type Target = Seen;

    fn deref(&self) -> &Seen {
        &self.seen
    }
}

impl Running {
    /// Tells it to stop, without waiting for it.
    pub fn tell_to_stop(&self) {
        self.stop.cancel();
    }

    /// Stops it in good order. What its handler has seen.
    pub async fn stop(self) -> Arc<Seen> {
        self.tell_to_stop();
        self.running.await.unwrap().unwrap();
        self.seen
    }
}

/// What handlers wait at until the test opens it.
#[derive(Clone)]
pub struct Gate(CancellationToken);

impl Gate {
    /// A closed one.
    pub fn shut() -> Self {
        Self(CancellationToken::new())
    }

    /// Lets all through.
    pub fn open(&self) {
        self.0.cancel();
    }

    /// Waits until it is open.
    pub async fn opened(&self) {
        self.0.cancelled().await;
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        self.0.is_cancelled()
    }

    /// [`Verdict::Done`], once it is open.
    pub fn done(&self) -> BoxFuture<'static, Verdict> {
        self.0.clone().cancelled_owned().map(|()| Verdict::Done).boxed()
    }
}

/// [`Verdict::Done`].
pub fn done() -> BoxFuture<'static, Verdict> {
    ready(Verdict::Done).boxed()
}

/// Again after `seconds`; none: as the consumer's own backoff says.
pub fn retry(seconds: Option<u64>) -> BoxFuture<'static, Verdict> {
    ready(Verdict::Retry { reason: "not now".into(), after: seconds.map(Duration::from_secs) }).boxed()
}

/// [`Verdict::Away`].
pub fn away() -> BoxFuture<'static, Verdict> {
    ready(Verdict::Away { reason: "the provider is away".into(), after: None }).boxed()
}

/// [`Verdict::Reject`].
pub fn reject(reason: &str) -> BoxFuture<'static, Verdict> {
    ready(Verdict::Reject { kind: "undecodable", reason: reason.into() }).boxed()
}
