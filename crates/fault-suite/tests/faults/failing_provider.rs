//! The provider answers three of ten requests with 503. What fails five times over is dead-lettered and sent back later.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fault_suite::{Extent, Manner, Outcome, Provider, Row, Scene, judge, place};

pub(crate) async fn run(extent: Extent) -> Outcome {
    let failures = Arc::new(AtomicUsize::new(0));
    let failing = failures.clone();
    let provider = Provider::deciding(move |_| {
        if fastrand::u8(..10) < 3 {
            failing.fetch_add(1, Ordering::SeqCst);
            Manner::Fail
        } else {
            Manner::Answer(Duration::from_millis(fastrand::u64(..50)))
        }
    });
    let scene = Scene::new(provider.await).await;
    let _order_service = scene.order_service().await;
    let _worker = scene.worker().await;
    let accepted = place(&scene, extent.pick(150, 2000)).await;
    let row = judge(&scene, &accepted, 0, Instant::now()).await;
    Outcome::Held(Row { repetitions: failures.load(Ordering::SeqCst), ..row })
}
