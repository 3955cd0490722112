//! What the console can take away and give back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use console::{Switch, Switches};
use embedded_queue::{Controls, Unkindness};
use futures::FutureExt;
use futures::future::ready;
use payment_service::provider::Presence;

use crate::worker::Worker;

/// Every other message.
const DUPLICATES: f64 = 0.5;

/// `provider`: the simulated one, if payments are simulated. `usual`: how unkind the queue is anyway.
pub(crate) fn switches(
    queue: &Controls,
    worker: Arc<Worker>,
    provider: Option<Presence>,
    usual: Option<Unkindness>,
) -> Switches {
    let all = [Some(of_queue(queue.clone())), Some(of_worker(worker)), provider.map(of_provider)];
    all.into_iter().flatten().chain([of_duplicates(queue.clone(), usual)]).collect()
}

fn of_queue(controls: Controls) -> Switch {
    let words = ["queue", "Queue", "SQS answers", "SQS does not answer; its messages stay"];
    let is_on = controls.clone();
    Switch::new(
        words,
        move || !is_on.is_away(),
        move |on| {
            if on {
                controls.give_back()
            } else {
                controls.take_away()
            }
            ready(Ok(())).boxed()
        },
    )
}

fn of_worker(worker: Arc<Worker>) -> Switch {
    let words = ["worker", "Worker", "the payment service runs", "the payment service has been killed"];
    let is_on = worker.clone();
    Switch::new(
        words,
        move || is_on.is_up(),
        move |on| {
            let worker = worker.clone();
            async move { if on { worker.start_again().await } else { worker.kill().await } }.boxed()
        },
    )
}

fn of_provider(presence: Presence) -> Switch {
    let words = ["provider", "Provider", "the payment provider answers", "the payment provider does not answer"];
    let is_on = presence.clone();
    Switch::new(
        words,
        move || !is_on.is_away(),
        move |on| {
            if on {
                presence.give_back()
            } else {
                presence.take_away()
            }
            ready(Ok(())).boxed()
        },
    )
}

fn of_duplicates(controls: Controls, usual: Option<Unkindness>) -> Switch {
    let words =
        ["duplicates", "Duplicates", "SQS delivers every other message twice", "SQS delivers each message once"];
    let kind = Unkindness { seed: 1, duplicates: 0.0, reordered: 0.0, late: 0.0, lost_answers: 0.0 };
    let twice = Unkindness { duplicates: DUPLICATES, ..usual.unwrap_or(kind) };
    let on_now = Arc::new(AtomicBool::new(false));
    let is_on = on_now.clone();
    Switch::new(
        words,
        move || is_on.load(Ordering::Relaxed),
        move |on| {
            controls.set_unkindness(if on { Some(twice) } else { usual });
            on_now.store(on, Ordering::Relaxed);
            ready(Ok(())).boxed()
        },
    )
}
