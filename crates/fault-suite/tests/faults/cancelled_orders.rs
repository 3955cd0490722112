//! Orders are taken back at random moments, while workers are killed and frozen, the order service is killed, answers of the
//! provider and of SQS are lost after their effect, and what the provider has refused is sent back from the dead letters.

use std::time::{Duration, Instant};

use fault_suite::{Extent, Manner, Outcome, Provider, Row, Scene, judge, moment, place_and_cancel};
use testbed::{Fault, FaultyProxy};

pub(crate) async fn run(extent: Extent) -> Outcome {
    let faults = extent.pick(4, 60);
    let provider = Provider::deciding(|asked| match fastrand::u8(..10) {
        // A charge as well as its refund; sent back, they are taken.
        _ if asked.amount % 10 == 3 && asked.times == 1 => Manner::Refuse,
        0 | 1 => Manner::HangUp,
        _ => Manner::Answer(Duration::from_millis(fastrand::u64(..150))),
    });
    let mut scene = Scene::new(provider.await).await;
    scene.allow_many_receives().await;
    let proxy = FaultyProxy::start(&scene.queues.url).await;
    proxy.fail(move |action, _| {
        let is_lost = ["SendMessageBatch", "DeleteMessageBatch"].contains(&action) && fastrand::u8(..10) == 0;
        if is_lost { Fault::AnswerLost } else { Fault::None }
    });
    scene.endpoint = proxy.url.clone();
    let mut order_service = scene.order_service().await;
    let mut frozen = scene.worker().await;
    frozen.up().await;

    // An order, its charge and its refund take some tenths of a second: before, between and after them.
    let load = place_and_cancel(&scene, extent.pick(150, 2000), 0..600);
    let disturbing = async {
        let mut redriven = 0;
        for _ in 0..faults {
            let killed = scene.worker().await;
            moment(200..900).await;
            frozen.freeze().await;
            moment(0..500).await;
            killed.kill().await;
            scene.kill_order_service(order_service).await;
            order_service = scene.order_service().await;
            // Beyond the visibility timeout and every claim.
            moment(2500..3500).await;
            frozen.thaw().await;
            redriven += scene.redrive().await;
        }
        (order_service, redriven)
    };
    let (accepted, (_order_service, redriven)) = tokio::join!(load, disturbing);
    let over = Instant::now();
    let _worker = scene.worker().await;
    assert!(accepted.iter().any(|order| order.is_cancelled), "no order was taken back");
    let row = judge(&scene, &accepted, faults, over).await;
    let redriven = redriven + row.redriven;
    assert!(redriven > 0, "nothing was refused and sent back");
    Outcome::Held(Row { redriven, ..row })
}
