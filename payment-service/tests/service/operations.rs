//! The admin port.

use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::{CountingProvider, Reply, Wire, eventually};

use crate::process::Process;
use crate::worker::asking;
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

// A SQLite file cannot freeze.
#[tokio::test]
async fn a_worker_whose_database_is_frozen_is_not_ready_until_it_is_back() {
    let scene = Scene::set().await;
    if !scene.on_postgres() {
        return;
    }
    let wire = Wire::to(&scene.database_url).await;
    let database = wire.url.parse().unwrap();
    let worker = Worker::start(&scene.queues, &database, |_| {}).await;
    let becomes = async |status: u16, state: &str| {
        eventually(&format!("the database is {state}"), async || {
            let answer = worker.get("/readyz").await;
            (answer.status() == status && answer.json::<Value>().await.unwrap()["database"] == state).then_some(())
        })
        .await;
    };
    becomes(200, "up").await;
    wire.cut();
    becomes(503, "down").await;
    wire.mend();
    becomes(200, "up").await;
    worker.stop().await;
    scene.at_rest().await;
}

#[tokio::test]
async fn a_worker_that_is_told_to_stop_is_not_ready_at_once_while_it_finishes_its_orders() {
    let scene = Scene::set().await;
    let provider = CountingProvider::deciding(|_, _| Reply::ChargeSlowly(Duration::from_secs(3))).await;
    let order = scene.place(4200).await;
    let worker = Worker::start(&scene.queues, &scene.database, asking(&provider)).await;
    let key = order.order_id.to_string();
    eventually("the order is under way", async || (provider.asked(&key) == 1).then_some(())).await;
    worker.tell_to_stop();
    let answer = worker.get("/readyz").await;
    assert_eq!(
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap()["status"].clone()),
        (503, json!("stopping"))
    );
    assert_eq!(worker.get("/healthz").await.status(), 200);
    worker.stop().await;
    assert_eq!(scene.results_now().await.len(), 1);
    scene.at_rest().await;
}

#[tokio::test]
async fn who_only_plays_payments_says_so_at_the_start() {
    let scene = Scene::set().await;
    let provider = CountingProvider::start().await;
    let directory = TempDir::new().unwrap();
    for (variables, warnings) in [(vec![], 1), (vec![("PAYMENT_PROVIDER_URL", provider.url())], 0)] {
        let variables: Vec<_> = variables.iter().map(|(name, value): &(&str, String)| (*name, &**value)).collect();
        let short = [("SHUTDOWN_TIMEOUT_SECONDS", "1")];
        let process = Process::start(&scene, directory.path(), &[&variables[..], &short].concat());
        let up = async || (!process.logged("payment service up").is_empty()).then_some(());
        eventually("it is up", up).await;
        let (_, lines) = process.terminate().await;
        let simulated = lines.iter().filter(|line| line["message"].as_str().unwrap().contains("simulated"));
        assert!(simulated.clone().all(|line| line["level"] == "WARN"));
        assert_eq!(simulated.count(), warnings, "{lines:?}");
    }
    scene.at_rest().await;
}
