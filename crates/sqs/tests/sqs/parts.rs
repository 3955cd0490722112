//! A part of the consumer that panics ends it with an error: a consumer that lives on without one would lose leases, or
//! deletes, and nobody would know.

use std::io::{Result, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use sqs::{Consumer, ConsumerConfig, Delivery, Handler, Verdict};
use tokio_util::sync::CancellationToken;
use tracing::subscriber::{NoSubscriber, set_default};
use tracing::{Dispatch, Span};

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
    fn span(&self, _: &Delivery) -> Span {
        Span::none()
    }

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
    let capped = ConsumerConfig { lease_cap: a_moment, shutdown_timeout: a_moment, ..config() };
    let consumer = Consumer::new(scene.queue(), Endless(Gate::shut()), capped);
    let ended = consumer.run(CancellationToken::new()).await;
    assert!(ended.is_err_and(|error| error.is_panic()));
    assert_eq!(scene.take_visible().await, ("endless".to_owned(), 1), "what it could not finish is given back");
}
