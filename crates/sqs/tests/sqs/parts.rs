//! A part of the consumer that panics ends it with an error: a consumer that lives on without one would lose leases, or
//! deletes, and nobody would know.

use std::future::pending;
use std::io::{Result, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use sqs::{Consumer, ConsumerError, Delivery, Handler, Verdict};
use tracing::Dispatch;
use tracing::subscriber::{NoSubscriber, set_default};

use crate::{Gate, Scene, config};

/// See [`testbed::Logs`].
static ANOTHER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));

/// A log whose writer panics, once, at the line with which a lease is given up: the keeper of the leases writes that.
#[derive(Clone, Default)]
struct PanicsAtALostLease(Arc<AtomicBool>);

impl Write for PanicsAtALostLease {
    fn write(&mut self, line: &[u8]) -> Result<usize> {
        if String::from_utf8_lossy(line).contains("lease lost") && !self.0.swap(true, Ordering::SeqCst) {
            panic!("a bug in the keeper");
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

struct Endless(Gate);

impl Handler for Endless {
    async fn handle(&self, _: &Delivery) -> Verdict {
        self.0.done().await
    }
}

#[tokio::test]
async fn a_keeper_of_leases_that_panics_ends_the_consumer_with_an_error() {
    LazyLock::force(&ANOTHER);
    let writer = PanicsAtALostLease::default();
    let broken = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _broken = set_default(broken);
    let scene = Scene::start().await;
    scene.queues.send("orders", "endless").await;
    let a_moment = Duration::from_secs(1);
    let capped = config().lease_cap(a_moment).shutdown_timeout(a_moment);
    let consumer = Consumer::new(scene.queue(), Endless(Gate::shut()), capped);
    let ended = consumer.run(pending()).await;
    assert!(matches!(ended, Err(ConsumerError::Panicked(_))));
    assert_eq!(scene.take_visible().await, ("endless".to_owned(), 1), "what it could not finish is given back");
}
