//! A service whose queues are not there.

use messaging::client;
use serde_json::json;
use testbed::{Databases, Fault, FaultyProxy, Queues, eventually};

use crate::events::{once_each, send, succeeded, told};
use crate::{Service, settings};

async fn wait_until_ready(service: &Service) {
    eventually("the service is ready", async || (service.get("/readyz").await.status == 200).then_some(())).await;
    let answer = service.get("/readyz").await;
    assert_eq!(answer.json(), json!({ "status": "ready", "database": "up", "queue": "up" }));
}

#[tokio::test]
async fn orders_are_accepted_without_queues_and_told_once_there_are_some() {
    let (queues, databases) = (Queues::none_yet().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let mut orders = Vec::new();
    for _ in 0..25 {
        orders.push(service.place().await);
    }
    for ready in [service.get("/readyz").await, service.get_admin("/readyz").await] {
        assert_eq!(ready.status, 503);
        assert_eq!(ready.json(), json!({ "status": "not ready", "database": "up", "queue": "down" }));
    }
    // A restart would not help.
    assert_eq!(service.get("/healthz").await.status, 200);

    queues.create().await;
    assert_eq!(told(&queues, &orders).await, once_each(&orders));
    wait_until_ready(&service).await;
    send(&queues, "payments", &succeeded(&orders[0], 4200).to_string(), &[]).await;
    service.wait_for_status(&orders[0], "PAID").await;
    service.stop().await;
    queues.expect_all_empty(&["orders", "orders-dlq", "payments", "payments-dlq"]).await;
}

// Who is not ready gets no orders, so readiness must not wait for one.
#[tokio::test]
async fn a_service_without_any_orders_becomes_ready_once_the_queues_are_there() {
    let (queues, databases) = (Queues::none_yet().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    // Both queues have been found missing, which the readiness tells only of one of them.
    let both_asked = async || {
        let metrics = service.get_admin("/metrics").await.text;
        let asked = |queue| metrics.contains(&format!("sqs_requests_total{{queue=\"{}\"", queues.name(queue)));
        (asked("orders") && asked("payments")).then_some(())
    };
    eventually("both queues have been asked for", both_asked).await;
    assert_eq!(service.get("/readyz").await.status, 503);

    queues.create().await;
    wait_until_ready(&service).await;
    service.stop().await;
    queues.expect_all_empty(&["orders", "orders-dlq", "payments", "payments-dlq"]).await;
}

// It has nothing left to send that would tell it that the queue is back.
#[tokio::test]
async fn an_instance_whose_orders_another_one_has_told_becomes_ready_again() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let url = databases.create_url().await;
    let proxy = FaultyProxy::start(&queues.url).await;
    let cut_off = Service::with(&client::for_endpoint(&proxy.url).await, settings(&queues, &url)).await;
    wait_until_ready(&cut_off).await;
    proxy.fail(|action, _| match action {
        "SendMessageBatch" => Fault::Error(503, "ServiceUnavailable"),
        _ => Fault::None,
    });
    let orders = [cut_off.place().await];
    eventually("the outage shows", async || (cut_off.get("/readyz").await.status == 503).then_some(())).await;

    let other = Service::with(&queues.sqs, settings(&queues, &url)).await;
    assert_eq!(told(&queues, &orders).await, once_each(&orders));
    proxy.heal();
    wait_until_ready(&cut_off).await;
    cut_off.stop().await;
    other.stop().await;
    queues.expect_all_empty(&["orders", "orders-dlq", "payments", "payments-dlq"]).await;
}
