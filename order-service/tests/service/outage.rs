//! A service whose queues are not there.

use serde_json::json;
use sqs::client;
use testbed::{Databases, Fault, FaultyProxy, Queues, eventually};

use crate::events::{once_each, send, succeeded, told};
use crate::{Service, settings};

/// Waits until the service says that its queues are `state`; it is ready all the time, for it can do without them.
async fn wait_for_queue(service: &Service, state: &str) {
    let expected = json!({ "status": "ready", "database": "up", "queue": state });
    eventually(&format!("the queue is {state}"), async || {
        let answer = service.get("/readyz").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        (answer.json() == expected).then_some(())
    })
    .await;
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
        assert_eq!(ready.status, 200, "a load balancer goes on sending it orders, and it goes on accepting them");
        assert_eq!(ready.json(), json!({ "status": "ready", "database": "up", "queue": "down" }));
    }
    // A restart would not help.
    assert_eq!(service.get("/healthz").await.status, 200);

    queues.create().await;
    assert_eq!(told(&queues, &orders).await, once_each(&orders));
    wait_for_queue(&service, "up").await;
    send(&queues, "payments", &succeeded(&orders[0], 4200).to_string(), &[]).await;
    service.wait_for_status(&orders[0], "PAID").await;
    service.stop().await;
    queues.expect_all_empty(&["orders", "orders-dlq", "payments", "payments-dlq"]).await;
}

// What it says of the queues must not wait for an order.
#[tokio::test]
async fn a_service_without_any_orders_finds_the_queues_once_they_are_there() {
    let (queues, databases) = (Queues::none_yet().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    // Both queues have been found missing, which the readiness tells only of one of them.
    let both_asked = async || {
        let metrics = service.get_admin("/metrics").await.text;
        let asked = |queue| metrics.contains(&format!("sqs_requests_total{{queue=\"{}\"", queues.name(queue)));
        (asked("orders") && asked("payments")).then_some(())
    };
    eventually("both queues have been asked for", both_asked).await;
    wait_for_queue(&service, "down").await;

    queues.create().await;
    wait_for_queue(&service, "up").await;
    service.stop().await;
    queues.expect_all_empty(&["orders", "orders-dlq", "payments", "payments-dlq"]).await;
}

// It has nothing left to send that would tell it that the queue is back.
#[tokio::test]
async fn an_instance_whose_orders_another_one_has_told_finds_the_queue_again() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let url = databases.create_url().await;
    let proxy = FaultyProxy::start(&queues.url).await;
    let cut_off = Service::with(&client::for_endpoint(&proxy.url).await, settings(&queues, &url)).await;
    wait_for_queue(&cut_off, "up").await;
    proxy.fail(|action, _| match action {
        "SendMessageBatch" => Fault::Error(503, "ServiceUnavailable"),
        _ => Fault::None,
    });
    let orders = [cut_off.place().await];
    wait_for_queue(&cut_off, "down").await;

    let other = Service::with(&queues.sqs, settings(&queues, &url)).await;
    assert_eq!(told(&queues, &orders).await, once_each(&orders));
    proxy.heal();
    wait_for_queue(&cut_off, "up").await;
    cut_off.stop().await;
    other.stop().await;
    queues.expect_all_empty(&["orders", "orders-dlq", "payments", "payments-dlq"]).await;
}
