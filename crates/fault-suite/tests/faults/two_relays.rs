//! Two instances of the order service, each with its relay, on one database. Over and over one of them is stopped under load:
//! what it has promised and not sent is the other one's.

use std::time::Instant;

use fault_suite::{Extent, Load, Outcome, Provider, Scene, judge, patiently};

pub(crate) async fn run(extent: Extent) -> Outcome {
    let stops = extent.pick(3, 30);
    let scene = Scene::new(Provider::usual().await).await;
    if !scene.on_postgres() {
        return Outcome::Skipped("two instances share a database on PostgreSQL only".to_owned());
    }
    let _worker = scene.worker().await;
    let (mut older, mut newer) = (scene.order_service().await, scene.order_service().await);
    let load = Load::start(&scene, 8, 50);
    for _ in 0..stops {
        let before = scene.accepted();
        patiently("enough orders", async || (scene.accepted() >= before + 40).then_some(())).await;
        scene.stop_order_service(older).await;
        (older, newer) = (newer, scene.order_service().await);
    }
    let over = Instant::now();
    let accepted = load.finish().await;
    let row = judge(&scene, &accepted, stops, over).await;
    drop((older, newer));
    Outcome::Held(row)
}
