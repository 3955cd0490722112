//! The same event many times, at once and from the dead-letter queue, with a provider that would charge as often as it is
//! asked: here the ledger alone has to see to it that it is asked once.

use std::time::{Duration, Instant};

use fault_suite::{Extent, Manner, Outcome, Provider, Scene, judge, place};

const COPIES: usize = 50;
const DEAD_LETTERS: usize = 5;

pub(crate) async fn run(extent: Extent) -> Outcome {
    let orders = extent.pick(6, 60);
    // Long enough for copies to come while the charge is under way.
    let provider = Provider::without_keys(|_| Manner::Answer(Duration::from_millis(fastrand::u64(100..400)))).await;
    let mut scene = Scene::new(provider).await;
    // Nothing is lost here, so no claim may end early either, however slow the machine.
    scene.visibility_timeout = 20;
    let _order_service = scene.order_service().await;
    let accepted = place(&scene, orders).await;
    let events = scene.drain("orders", orders).await;

    let mut copies: Vec<String> = events.iter().flat_map(|event| vec![event.clone(); COPIES]).collect();
    fastrand::shuffle(&mut copies);
    scene.queues.send_all("orders", &copies).await;
    let _workers = [scene.worker().await, scene.worker().await];
    let dead: Vec<String> = events.iter().flat_map(|event| vec![event.clone(); DEAD_LETTERS]).collect();
    scene.queues.send_all("orders-dlq", &dead).await;
    scene.dlq(&["redrive", "--all"]).await;

    let row = judge(&scene, &accepted, orders * (COPIES + DEAD_LETTERS), Instant::now()).await;
    assert_eq!(row.duplicates, 0, "the provider was asked more than once");
    Outcome::Held(row)
}
