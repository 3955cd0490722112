//! What is seen of requests: a line and a metric each.

use reqwest::Method;
use testbed::{Databases, Logs, Queues, eventually};

use crate::edge::edge;
use crate::{Service, settings};

/// Waits for a line that has all of `parts`; they are written after the answer has been sent.
async fn told(logs: &Logs, parts: &[&str]) {
    eventually(&format!("a line with {parts:?}"), async || (logs.count_all(parts) > 0).then_some(())).await;
}

#[tokio::test]
async fn each_request_is_one_line_with_its_route_and_its_trace_and_refusals_are_warnings() {
    let logs = Logs::capture();
    let (queues, databases) = (Queues::start().await, Databases::new());
    let mut settings = settings(&queues, &databases.create_url().await);
    let secret = ("AUTH_JWT_SECRET", "0123456789abcdef0123456789abcdef");
    let (audience, issuer) = (("AUTH_JWT_AUDIENCE", "orders"), ("AUTH_JWT_ISSUER", "https://id.example"));
    settings.edge = edge(&[secret, audience, issuer, ("RATE_LIMIT_PER_SECOND", "1"), ("RATE_LIMIT_BURST", "1")]);
    let service = Service::with(&queues.sqs, settings).await;

    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let request =
        service.request(Method::GET, "/docs/").header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"));
    assert_eq!(request.send().await.unwrap().status(), 200);
    let trace_id = format!("trace_id=\"{trace}\"");
    told(
        &logs,
        &[
            "INFO",
            ": request ",
            "method=\"GET\"",
            "status=200",
            "duration_ms=",
            "client=\"127.0.0.1\"",
            &trace_id,
            "span_id=",
        ],
    )
    .await;

    assert_eq!(service.get("/orders/some-id").await.status, 401);
    told(
        &logs,
        &["WARN", "request refused", "route=\"/orders/{orderId}\"", "status=401", "urn:problem-type:unauthenticated"],
    )
    .await;
    eventually("there is a limit", async || (service.get("/orders").await.status == 429).then_some(())).await;
    told(&logs, &["WARN", "request refused", "route=\"/orders\"", "status=429", "urn:problem-type:too-many-requests"])
        .await;
    assert_eq!(service.get("/nowhere/4711").await.status, 404);
    told(&logs, &["INFO", "route=\"\"", "status=404"]).await;

    assert_eq!(service.get("/healthz").await.status, 200);
    service.stop().await;
    assert_eq!(logs.count("some-id") + logs.count("4711"), 0, "a path is no route");
    assert_eq!(logs.count("/healthz"), 0, "health checks would bury everything else");
}

#[tokio::test]
async fn an_order_that_cannot_be_taken_is_a_warning() {
    let logs = Logs::capture();
    let (queues, databases) = (Queues::start().await, Databases::new());
    let mut settings = settings(&queues, &databases.create_url().await);
    settings.outbox_cap = 0;
    let service = Service::with(&queues.sqs, settings).await;
    assert_eq!(service.post(r#"{"userId":"dev-user","total":42.00}"#).await.status, 503);
    told(&logs, &["WARN", "request refused", "status=503", "urn:problem-type:overloaded"]).await;
    service.stop().await;
}

#[tokio::test]
async fn requests_are_measured_by_route_never_by_path() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let order = service.place().await;
    service.order(&order).await;
    service.get("/orders/nothing").await.problem(404);
    service.get("/nowhere").await.problem(404);
    service.request(Method::from_bytes(b"BREW").unwrap(), "/orders").send().await.unwrap();
    let counted = |method: &str, route: &str, status: u16| {
        format!(
            "http_server_request_duration_seconds_count{{http_request_method=\"{method}\",http_route=\"{route}\",\
             http_response_status_code=\"{status}\"}} 1\n"
        )
    };
    let metrics = service.get_admin("/metrics").await.text;
    for series in [
        counted("POST", "/orders", 202),
        counted("GET", "/orders/{orderId}", 200),
        counted("GET", "/orders/{orderId}", 404),
        counted("GET", "", 404),
        counted("_OTHER", "/orders", 405),
    ] {
        assert!(metrics.contains(&series), "{series} is not in {metrics}");
    }
    assert!(!metrics.contains(&order) && !metrics.contains("nowhere"), "{metrics}");
    service.stop().await;
    queues.take("orders").await;
}
