//! The provider is away while hardly an order comes: that costs none of them a receive.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fault_suite::{Extent, Manner, Outcome, Provider, Scene, judge, place};

pub(crate) async fn run(extent: Extent) -> Outcome {
    let away = Arc::new(AtomicBool::new(true));
    let unreachable = away.clone();
    let provider = Provider::deciding(move |_| match unreachable.load(Ordering::SeqCst) {
        true => Manner::Fail,
        false => Manner::Answer(Duration::ZERO),
    });
    let scene = Scene::new(provider.await).await;
    let _order_service = scene.order_service().await;
    let worker = scene.worker().await;
    let mut accepted = Vec::new();
    let (orders, spacing) = extent.pick((3, 4), (5, 30));
    for _ in 0..orders {
        accepted.extend(place(&scene, 1).await);
        tokio::time::sleep(Duration::from_secs(spacing)).await;
    }
    away.store(false, Ordering::SeqCst);
    let row = judge(&scene, &accepted, 1, Instant::now()).await;
    assert_eq!(row.redriven, 0, "dead letters");
    assert_eq!(worker.most_receives(), 1, "a receive was used up");
    Outcome::Held(row)
}
