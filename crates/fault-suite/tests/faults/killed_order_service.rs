//! The order service dies by SIGKILL: before the commit, between the commit and the answer, between the answer and the
//! event. Clients without an answer ask again with their key, and get one order.

use std::time::Instant;

use fault_suite::{Extent, Load, Outcome, Provider, Scene, judge, moment};

pub(crate) async fn run(extent: Extent) -> Outcome {
    let kills = extent.pick(8, 100);
    let scene = Scene::new(Provider::usual().await).await;
    scene.allow_many_receives().await;
    let _worker = scene.worker().await;
    let load = Load::start(&scene, 8, 100);
    for _ in 0..kills {
        let order_service = scene.order_service().await;
        moment(20..600).await;
        scene.kill_order_service(order_service).await;
    }
    assert!(scene.refused() > 0, "no kill has hit a request");
    let over = Instant::now();
    let _order_service = scene.order_service().await;
    let accepted = load.finish().await;
    Outcome::Held(judge(&scene, &accepted, kills, over).await)
}
