//! A worker stands still for longer than its messages stay hidden, in the middle of whatever it was doing, and then goes
//! on as if nothing had happened. Another one has its messages by then, and its fencing numbers are out of date.

use std::time::Instant;

use fault_suite::{Extent, Load, Outcome, Provider, Scene, judge, moment};

pub(crate) async fn run(extent: Extent) -> Outcome {
    let pauses = extent.pick(3, 24);
    let scene = Scene::new(Provider::usual().await).await;
    let _order_service = scene.order_service().await;
    let mut workers = [scene.worker().await, scene.worker().await];
    for worker in &mut workers {
        worker.up().await;
    }
    let load = Load::start(&scene, 8, 200);
    for pause in 0..pauses {
        let worker = &workers[pause % workers.len()];
        moment(100..600).await;
        worker.freeze().await;
        // The visibility timeout is 2 s; a paused worker may hold the lock on a SQLite file, for which the other waits 5 s.
        moment(2500..4500).await;
        worker.thaw().await;
    }
    let over = Instant::now();
    let accepted = load.finish().await;
    Outcome::Held(judge(&scene, &accepted, pauses, over).await)
}
