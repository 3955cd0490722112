//! It has happened, but the answer is lost: the charge at the provider, the send and the delete at SQS.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fault_suite::{Extent, Manner, Outcome, Provider, Scene, judge, place};
use testbed::{Fault, FaultyProxy};

pub(crate) async fn run(extent: Extent) -> Outcome {
    let lost = Arc::new(AtomicUsize::new(0));
    let losing = lost.clone();
    let provider = Provider::deciding(move |_| {
        if fastrand::u8(..10) < 3 {
            losing.fetch_add(1, Ordering::SeqCst);
            Manner::HangUp
        } else {
            Manner::Answer(Duration::from_millis(fastrand::u64(..50)))
        }
    });
    let mut scene = Scene::new(provider.await).await;
    let proxy = FaultyProxy::start(&scene.queues.url).await;
    let losing = lost.clone();
    proxy.fail(move |action, _| {
        if ["SendMessageBatch", "DeleteMessageBatch"].contains(&action) && fastrand::u8(..10) < 3 {
            losing.fetch_add(1, Ordering::SeqCst);
            Fault::AnswerLost
        } else {
            Fault::None
        }
    });
    scene.endpoint = proxy.url.clone();
    let _order_service = scene.order_service().await;
    let _worker = scene.worker().await;
    let accepted = place(&scene, extent.pick(150, 2000)).await;
    let row = judge(&scene, &accepted, 0, Instant::now()).await;
    Outcome::Held(fault_suite::Row { repetitions: lost.load(Ordering::SeqCst), ..row })
}
