//! The order service dies by SIGKILL with its memory full of what it has promised and could not send yet: SQS has not
//! answered its sends. The next instance finds all of it in the table: on SQLite at once, on PostgreSQL when the dead
//! one's leases end.

use std::time::Instant;

use fault_suite::{Extent, Load, Outcome, Provider, Scene, judge, patiently};
use testbed::{Fault, FaultyProxy};

/// What it may have in memory, and in its outbox.
const FULL: usize = 40;

pub(crate) async fn run(extent: Extent) -> Outcome {
    let kills = extent.pick(2, 20);
    let mut scene = Scene::new(Provider::usual().await).await;
    let _worker = scene.worker().await;
    let proxy = FaultyProxy::start(&scene.queues.url).await;
    scene.endpoint = proxy.url.clone();
    scene.outbox_cap = FULL;
    let mut order_service = scene.order_service().await;
    let load = Load::start(&scene, 8, 50);
    for _ in 0..kills {
        let before = scene.accepted();
        patiently("orders go out", async || (scene.accepted() > before + FULL).then_some(())).await;
        proxy.fail(|action, _| if action == "SendMessageBatch" { Fault::Hang } else { Fault::None });
        let refused = scene.refused();
        patiently("full", async || (scene.refused() >= refused + 10).then_some(())).await;
        scene.kill_order_service(order_service).await;
        proxy.heal();
        order_service = scene.order_service().await;
    }
    let over = Instant::now();
    let accepted = load.finish().await;
    Outcome::Held(judge(&scene, &accepted, kills, over).await)
}
