//! Readiness is told from what is known, and a database that does not answer is known within seconds.

use futures::future::join_all;
use serde_json::json;
use testbed::{Databases, Queues, Wire, eventually};

use crate::{Service, settings};

async fn wait_for_database(service: &Service, state: &str, status: u16) {
    eventually(&format!("the database is {state}"), async || {
        // Answered at once, whatever the database does: it is not asked.
        let (public, admin) = (service.get("/readyz").await, service.get_admin("/readyz").await);
        let seen = [&public, &admin].map(|answer| answer.status == status && answer.json()["database"] == state);
        (seen == [true, true]).then_some(())
    })
    .await;
}

// A SQLite file cannot freeze.
#[tokio::test]
async fn a_frozen_database_is_noticed_and_so_is_its_coming_back() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    if !databases.on_postgres() {
        return;
    }
    let wire = Wire::to(&databases.create_url().await).await;
    let service = Service::with(&queues.sqs, settings(&queues, &wire.url)).await;
    wait_for_database(&service, "up", 200).await;
    wire.cut();
    wait_for_database(&service, "down", 503).await;
    assert_eq!(service.get("/readyz").await.json()["status"], "not ready");
    assert_eq!(service.get("/healthz").await.status, 200, "a restart would not help");
    wire.mend();
    wait_for_database(&service, "up", 200).await;
    service.stop().await;
}

// A SQLite file has no wire.
#[tokio::test]
async fn an_instance_that_is_ready_serves_its_first_requests_without_a_further_connection() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    if !databases.on_postgres() {
        return;
    }
    let wire = Wire::to(&databases.create_url().await).await;
    let service = Service::with(&queues.sqs, settings(&queues, &wire.url)).await;
    wait_for_database(&service, "up", 200).await;
    wire.close_to_newcomers();
    let placed = join_all((0..32).map(|_| service.place())).await;
    let found = join_all(placed.iter().map(|order| service.order(order))).await;
    assert!(found.iter().all(|order| order["status"] == "PENDING"), "{found:?}");
    service.stop().await;
}

#[tokio::test]
async fn who_is_told_to_stop_is_not_ready_at_once_and_still_takes_requests() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let url = databases.create_url().await;
    let mut patient = settings(&queues, &url);
    patient.stopping.delay = std::time::Duration::from_secs(3600);
    let service = Service::with(&queues.sqs, patient).await;
    let up = async || (service.get("/readyz").await.json()["queue"] == "up").then_some(());
    eventually("the queues have been found", up).await;
    service.stop.cancel();
    for answer in [service.get("/readyz").await, service.get_admin("/readyz").await] {
        let stopping = json!({ "status": "stopping", "database": "up", "queue": "up" });
        assert_eq!((answer.status, answer.json()), (503, stopping));
    }
    let order = service.place().await;
    assert_eq!(service.order(&order).await["status"], "PENDING");
    assert!(queues.take("orders").await.body.contains(&order), "told on as ever");
    service.running.abort();
}
