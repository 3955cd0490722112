//! SQS is gone for a while: a third of all calls hang, the others fail. Orders are accepted all the same.

use std::time::{Duration, Instant};

use fault_suite::{Extent, Load, Outcome, Provider, Scene, judge, patiently};
use testbed::{Fault, FaultyProxy};

pub(crate) async fn run(extent: Extent) -> Outcome {
    let mut scene = Scene::new(Provider::usual().await).await;
    let proxy = FaultyProxy::start(&scene.queues.url).await;
    scene.endpoint = proxy.url.clone();
    let _order_service = scene.order_service().await;
    let _worker = scene.worker().await;
    let load = Load::start(&scene, 8, 300);
    patiently("enough orders", async || (scene.accepted() >= 20).then_some(())).await;

    proxy.fail(|_, call| if call % 3 == 0 { Fault::Hang } else { Fault::Error(503, "ServiceUnavailable") });
    let before = scene.accepted();
    tokio::time::sleep(Duration::from_secs(extent.pick(5, 60))).await;
    assert!(scene.accepted() > before, "no order was accepted without the queue");
    proxy.heal();

    let over = Instant::now();
    let accepted = load.finish().await;
    Outcome::Held(judge(&scene, &accepted, 1, over).await)
}
