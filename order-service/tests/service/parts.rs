//! The halves of the service, each an instance of its own.

use order_service::Part;
use serde_json::json;
use testbed::{Databases, Queues, eventually};

use crate::events::{send, succeeded};
use crate::{Service, settings};

#[tokio::test]
async fn one_half_accepts_and_publishes_and_the_other_takes_the_results() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let url = databases.create_url().await;
    let api = Service::part(Part::Api, &queues.sqs, settings(&queues, &url)).await;
    let order = api.place().await;
    assert!(queues.take("orders").await.body.contains(&order));
    send(&queues, "payments", &succeeded(&order, 4200).to_string(), &[]).await;

    let worker = Service::part(Part::Worker, &queues.sqs, settings(&queues, &url)).await;
    api.wait_for_status(&order, "PAID").await;
    assert_eq!(worker.url, "", "it opens the admin port only");
    worker.stop().await;

    // Whatever comes now stays in the queue: this half does not receive.
    let order = api.place().await;
    queues.take("orders").await;
    send(&queues, "payments", &succeeded(&order, 4200).to_string(), &[]).await;
    let waited = api.request(reqwest::Method::GET, &format!("/orders/{order}")).header("Prefer", "wait=2");
    assert_eq!(waited.send().await.unwrap().json::<serde_json::Value>().await.unwrap()["status"], "PENDING");
    queues.take("payments").await;
    assert_eq!(api.get_admin("/healthz").await.status, 200, "what it does not consume cannot stall");
    api.stop().await;
    queues.expect_all_empty(&["orders", "orders-dlq", "payments", "payments-dlq"]).await;
}

#[tokio::test]
async fn without_its_queues_the_api_is_ready_and_the_worker_is_not() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let url = databases.create_url().await;
    let nowhere = sqs::client::for_endpoint("http://127.0.0.1:9").await;
    for (part, code, status) in [(Part::Api, 200, "ready"), (Part::Worker, 503, "not ready")] {
        let service = Service::part(part, &nowhere, settings(&queues, &url)).await;
        let expected = json!({ "status": status, "database": "up", "queue": "down" });
        eventually("the database is known to be up", async || {
            let answer = service.get_admin("/readyz").await;
            (answer.json() == expected).then(|| assert_eq!(answer.status, code))
        })
        .await;
        service.stop().await;
    }
}
