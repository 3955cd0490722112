//! Health, readiness and metrics.

use serde_json::json;
use testbed::{Databases, Queues, eventually};

use crate::Service;

#[tokio::test]
async fn health_and_readiness_are_answered_on_both_ports() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let up = async || (service.get("/readyz").await.json()["queue"] == "up").then_some(());
    eventually("the queues have been found", up).await;
    for answer in [service.get("/readyz").await, service.get_admin("/readyz").await] {
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json(), json!({ "status": "ready", "database": "up", "queue": "up" }));
    }
    for answer in [service.get("/healthz").await, service.get_admin("/healthz").await] {
        assert_eq!((answer.status, answer.json()), (200, json!({ "status": "live" })));
    }
    service.stop().await;
    queues.expect_all_empty(&["orders", "payments"]).await;
}

#[tokio::test]
async fn the_metrics_count_every_request_to_sqs_and_are_not_public() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    service.place().await;
    queues.take("orders").await;
    let counted = |queue: &str, operation: &str| {
        format!("sqs_requests_total{{queue=\"{}\",operation=\"{operation}\"}} ", queues.name(queue))
    };
    let published = format!(
        "messaging_client_sent_messages_total{{messaging_operation_name=\"send\",messaging_destination_name=\"{}\"}} 1\n",
        queues.name("orders")
    );
    let what = "the send and a receive are counted";
    eventually(what, async || {
        let metrics = service.get_admin("/metrics").await;
        let sent = metrics.text.contains(&format!("{}1\n", counted("orders", "SendMessageBatch")));
        let received = metrics.text.contains(&counted("payments", "ReceiveMessage"));
        (sent && received && metrics.text.contains(&published)).then_some(())
    })
    .await;

    let metrics = service.get_admin("/metrics").await;
    assert_eq!(metrics.status, 200);
    assert!(metrics.header("content-type").unwrap().starts_with("application/openmetrics-text"), "{metrics:?}");
    // What OpenMetrics must end with: without it Prometheus refuses the whole scrape.
    assert!(metrics.text.ends_with("# EOF\n"), "{metrics:?}");
    service.get("/metrics").await.problem(404);
    for private in ["/orders", "/docs", "/openapi.json"] {
        assert_eq!(service.get_admin(private).await.status, 404, "{private}");
    }
    service.stop().await;
    queues.expect_all_empty(&["orders", "payments"]).await;
}
