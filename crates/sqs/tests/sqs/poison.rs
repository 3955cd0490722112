//! A message that cannot be handled harms itself alone: neither the consumer (spring-cloud-aws#1363), nor its batch
//! (watermill), and it is not deleted (vector).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::FutureExt;
use sqs::{Consumer, Delivery, Handler, Verdict};
use testbed::eventually;
use tokio_util::sync::CancellationToken;

use crate::{Scene, config, done, reject};

#[tokio::test]
async fn an_undecodable_message_stops_nothing_and_ends_in_the_dead_letter_queue() {
    let scene = Scene::start().await;
    let bodies = ["a", "b", "c", "d", "{not json", "f", "g", "h", "i", "j"].map(String::from);
    scene.queues.send_all("orders", &bodies).await;
    let consumer = scene.consume(config(), |delivery| {
        if delivery.body.starts_with('{') { reject("expected a string at column 2") } else { done() }
    });
    consumer.decided(10).await;
    scene.queues.send("orders", "the next one").await;
    consumer.decided(11).await;
    let dead = scene.queues.take("orders-dlq").await;
    assert_eq!(dead.body, "{not json");
    assert_eq!(scene.end(consumer).await.deliveries(), 11);
}

#[tokio::test]
async fn a_panic_in_a_handler_is_a_retry_of_one_message() {
    let scene = Scene::start().await;
    let bodies = ["a", "b", "panic", "d"].map(String::from);
    scene.queues.send_all("orders", &bodies).await;
    // Without a retry it would stay hidden for longer than anybody waits.
    let an_hour = Some(Duration::from_secs(3600));
    let consumer = scene.consume(config().visibility_timeout(an_hour), |delivery| {
        let first = delivery.body == "panic" && delivery.attempt == 1;
        async move { if first { panic!("a bug in the handler") } else { done().await } }.boxed()
    });
    consumer.decided(4).await;
    let seen = scene.end(consumer).await;
    assert_eq!((seen.attempts("panic"), seen.deliveries()), (vec![1, 2], 5));
}

/// A handler that has a bug where it looks at a message for the first time.
struct PanicsOutside(Arc<AtomicUsize>);

impl Handler for PanicsOutside {
    async fn around(&self, delivery: &Delivery, processing: impl Future<Output = ()> + Send) {
        assert!(delivery.body != "panic" || delivery.attempt > 1, "a bug around the handling");
        processing.await;
    }

    async fn handle(&self, _: &Delivery) -> Verdict {
        self.0.fetch_add(1, Ordering::SeqCst);
        Verdict::Done
    }
}

#[tokio::test]
async fn a_panic_outside_the_handling_harms_one_message_of_a_receive() {
    let scene = Scene::start().await;
    let bodies = ["a", "b", "panic", "d"].map(String::from);
    scene.queues.send_all("orders", &bodies).await;
    let (handled, stop) = (Arc::<AtomicUsize>::default(), CancellationToken::new());
    let a_moment = Some(Duration::from_secs(2));
    let config = config().visibility_timeout(a_moment);
    let consumer = tokio::spawn(
        Consumer::new(scene.queue(), PanicsOutside(handled.clone()), config).run(stop.clone().cancelled_owned()),
    );
    let four = async || (handled.load(Ordering::SeqCst) == 4).then_some(());
    eventually("three at once, and the fourth when it comes again", four).await;
    eventually("none is in flight", async || (scene.metric("messages_in_flight") == 0.0).then_some(())).await;
    stop.cancel();
    consumer.await.unwrap().unwrap();
    scene.queues.expect_all_empty(&["orders", "orders-dlq"]).await;
}
