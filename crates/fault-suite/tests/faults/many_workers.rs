//! Three workers on one database, a PostgreSQL server or a single SQLite file, work off a backlog while new orders come in.

use std::time::Instant;

use fault_suite::{Extent, Load, Outcome, Provider, Scene, judge, patiently, place};

pub(crate) async fn run(extent: Extent) -> Outcome {
    let backlog = extent.pick(200, 3000);
    let scene = Scene::new(Provider::usual().await).await;
    let _order_service = scene.order_service().await;
    let mut accepted = place(&scene, backlog).await;
    let over = Instant::now();
    let workers = [scene.worker().await, scene.worker().await, scene.worker().await];
    let load = Load::start(&scene, 8, 50);
    patiently("enough orders", async || (scene.accepted() >= backlog * 3 / 2).then_some(())).await;
    accepted.extend(load.finish().await);
    let row = judge(&scene, &accepted, 1, over).await;
    let charged: Vec<usize> = workers.iter().map(|worker| worker.logged("order charged")).collect();
    assert!(charged.iter().filter(|charged| **charged > 0).count() > 1, "one worker did it all: {charged:?}");
    Outcome::Held(row)
}
