//! Workers die by SIGKILL, at any point of a message's way: between the receive and the claim, between the charge and the
//! ledger, between the ledger and the delete.

use std::time::Instant;

use fault_suite::{Extent, Load, Outcome, Provider, Scene, judge, moment};

pub(crate) async fn run(extent: Extent) -> Outcome {
    let kills = extent.pick(10, 200);
    let scene = Scene::new(Provider::usual().await).await;
    scene.allow_many_receives().await;
    let _order_service = scene.order_service().await;
    let load = Load::start(&scene, 8, extent.pick(300, 800));
    for _ in 0..kills {
        let worker = scene.worker().await;
        moment(50..900).await;
        worker.kill().await;
    }
    let over = Instant::now();
    let _worker = scene.worker().await;
    let accepted = load.finish().await;
    Outcome::Held(judge(&scene, &accepted, kills, over).await)
}
