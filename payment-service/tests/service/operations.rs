//! The admin port.

use serde_json::{Value, json};
use testbed::eventually;

use crate::{Scene, Worker};

#[tokio::test]
async fn a_worker_says_that_it_is_live_and_ready() {
    let scene = Scene::set().await;
    let worker = Worker::start(&scene.queues, &scene.database, |_| {}).await;
    let live = worker.get("/healthz").await;
    assert_eq!((live.status().as_u16(), live.json::<Value>().await.unwrap()), (200, json!({ "status": "live" })));
    let ready = eventually("it is ready", async || {
        let answer = worker.get("/readyz").await;
        (answer.status() == 200).then_some(answer)
    });
    let ready: Value = ready.await.json().await.unwrap();
    assert_eq!(ready, json!({ "status": "ready", "database": "up", "queue": "up" }));
    worker.stop().await;
    scene.at_rest().await;
}

#[tokio::test]
async fn charges_are_counted_by_outcome_from_zero_and_without_ids() {
    let scene = Scene::set().await;
    let worker = Worker::start(&scene.queues, &scene.database, |_| {}).await;
    let outcomes = ["succeeded", "declined", "failed", "refused", "duplicate"];
    let charges = async |outcome| worker.metric(&format!("charges_total{{outcome=\"{outcome}\"}}")).await;
    for outcome in outcomes {
        assert_eq!(charges(outcome).await, Some(0.0), "{outcome}");
    }
    let orders = scene.place_all([4200, 4290, 4292]).await;
    scene.results(3).await;
    for (outcome, count) in outcomes.into_iter().zip([2.0, 1.0, 2.0, 0.0, 0.0]) {
        let counted = async || (charges(outcome).await == Some(count)).then_some(());
        eventually(&format!("{count} {outcome}"), counted).await;
    }

    let metrics = worker.get("/metrics").await;
    let content_type = metrics.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(content_type.starts_with("application/openmetrics-text; version=1.0.0"), "{content_type}");
    let text = metrics.text().await.unwrap();
    assert!(text.ends_with("# EOF\n"), "complete");
    for order in &orders {
        assert!(!text.contains(&order.order_id.to_string()), "an id as a label makes a series per order");
    }
    worker.stop().await;
    scene.at_rest().await;
}
