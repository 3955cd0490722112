//! An order's trace, as a collector sees it, and the log lines that belong to it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail where it stands")]

mod collector;
mod process;

use std::sync::{Arc, Mutex};

use axum::http::HeaderMap;
use axum::routing::post;
use axum::{Json, Router};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::json;
use testbed::{eventually, http_client};
use tokio::net::TcpListener;

use collector::{Collector, Span};
use process::Process;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CLIENT: &str = "00f067aa0ba902b7";
/// Batches of spans that do not keep a test waiting.
const SOON: (&str, &str) = ("OTEL_BSP_SCHEDULE_DELAY", "100");

#[tokio::test]
async fn an_order_is_one_trace_from_the_client_through_both_queues_and_the_provider_to_its_status() {
    let (collector, provider) = (Collector::start().await, Provider::start().await);
    let mut process = Process::start(&[
        SOON,
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint),
        ("OTEL_SERVICE_NAME", "shop"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,service.version=9.9"),
        ("PAYMENT_PROVIDER_URL", &provider.url),
    ])
    .await;
    let order = process.place(42.00, Some(&format!("00-{TRACE}-{CLIENT}-01")), "PAID").await;
    assert!(process.interrupt().await);

    let way = Way::of(TRACE, "POST /orders", "POST /charges", &collector);
    way.is_one_trace_linked_by_its_calls(&collector, &order);
    let Way { server, created, processed: charged, provider_call, told, settled, .. } = way;

    // The HTTP at both ends.
    for (key, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/orders"),
        ("url.path", "/orders"),
        ("url.scheme", "http"),
        ("http.response.status_code", "202"),
        ("client.address", "127.0.0.1"),
    ] {
        assert_eq!(server.attribute(key), value, "{server:#?}");
    }
    let url = format!("{}/charges", provider.url);
    let port = provider.url.rsplit_once(':').unwrap().1;
    for (key, value) in [
        ("http.request.method", "POST"),
        ("http.response.status_code", "201"),
        ("url.full", &url),
        ("url.template", "/charges"),
        ("server.address", "127.0.0.1"),
        ("server.port", port),
    ] {
        assert_eq!(provider_call.attribute(key), value, "{provider_call:#?}");
    }
    assert_eq!(*provider.traceparents.lock().unwrap(), [format!("00-{TRACE}-{}-01", provider_call.span_id)]);

    // The resource.
    assert_eq!(server.resource["service.name"], "shop");
    assert_eq!(server.resource["service.version"], "9.9", "the environment goes before what was built in");
    assert_eq!(server.resource["deployment.environment.name"], "test");
    assert_eq!(
        (&*server.scope, &*created.scope, &*charged.scope, &*told.scope),
        ("order-service", "order-service", "sqs", "payment-service")
    );

    // The log.
    for (message, within) in [
        ("order accepted", &server),
        ("request", &server),
        ("order received", &charged),
        ("order charged", &charged),
        ("order settled", &settled),
    ] {
        process.logs(message, within);
    }
    for message in ["order published", "result published"] {
        let log = process.log();
        assert!(log.iter().any(|line| line["message"] == message && line["trace_id"] == TRACE), "{message}");
    }
}

#[tokio::test]
async fn a_cancellation_is_one_trace_too_from_its_client_through_the_refund_to_the_status() {
    let (collector, provider) = (Collector::start().await, Provider::start().await);
    let mut process = Process::start(&[
        SOON,
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint),
        ("PAYMENT_PROVIDER_URL", &provider.url),
    ])
    .await;
    let order = process.place(42.00, None, "PAID").await;
    provider.traceparents.lock().unwrap().clear();
    process.cancel(&order, &format!("00-{TRACE}-{CLIENT}-01"), "REFUNDED").await;
    assert!(process.interrupt().await);

    let way = Way::of(TRACE, "POST /orders/{orderId}/cancel", "POST /refunds", &collector);
    way.is_one_trace_linked_by_its_calls(&collector, &order);
    let Way { server, processed: refunded, provider_call, settled, .. } = way;
    assert_eq!(server.attribute("http.route"), "/orders/{orderId}/cancel");
    assert_eq!(provider_call.attribute("http.response.status_code"), "201");
    assert_eq!(*provider.traceparents.lock().unwrap(), [format!("00-{TRACE}-{}-01", provider_call.span_id)]);
    for (message, within) in [
        ("cancellation accepted", &server),
        ("cancellation received", &refunded),
        ("order taken back", &refunded),
        ("order settled", &settled),
    ] {
        process.logs(message, within);
    }
}

/// What an order, or its cancellation, leaves of spans on its way.
struct Way {
    trace: String,
    server: Span,
    created: Span,
    processed: Span,
    provider_call: Span,
    told: Span,
    settled: Span,
}

impl Way {
    fn of(trace: &str, request: &str, provider_call: &str, collector: &Collector) -> Self {
        let span = |name: &str| collector.only(name, trace);
        Self {
            trace: trace.to_owned(),
            server: span(request),
            created: span("create orders"),
            processed: span("process orders"),
            provider_call: span(provider_call),
            told: span("create payments"),
            settled: span("process payments"),
        }
    }

    fn is_one_trace_linked_by_its_calls(&self, collector: &Collector, order: &str) {
        let Self { trace, server, created, processed, provider_call, told, settled } = self;
        // The tree.
        for (child, kind, parent) in [
            (server, SpanKind::Server, CLIENT),
            (created, SpanKind::Producer, &server.span_id),
            (processed, SpanKind::Consumer, &created.span_id),
            (provider_call, SpanKind::Client, &processed.span_id),
            (told, SpanKind::Producer, &processed.span_id),
            (settled, SpanKind::Consumer, &told.span_id),
        ] {
            assert_eq!((child.kind, &*child.parent, &child.trace_id), (kind, parent, trace), "{child:#?}");
            assert!(child.error.is_none() && child.begun <= child.ended, "{child:#?}");
        }
        assert_eq!(collector.spans().iter().filter(|span| span.trace_id == *trace).count(), 6, "and nothing else");

        // The calls to SQS, in traces of their own, linked to what they are about.
        for (queue, creation, processed) in [("orders", created, processed), ("payments", told, settled)] {
            for operation in ["send", "receive", "settle"] {
                let call = collector.only(&format!("{operation} {queue}"), trace);
                assert_eq!((call.kind, call.parent.as_str()), (SpanKind::Client, ""), "{call:#?}");
                assert_ne!(call.trace_id, *trace);
                assert_eq!(call.links, [(trace.clone(), creation.span_id.clone())], "{call:#?}");
                about_a_queue(&call, operation, queue);
                assert_eq!(call.attribute("messaging.batch.message_count"), "1");
                assert_eq!(call.attribute("messaging.message.id"), processed.attribute("messaging.message.id"));
                assert_eq!(call.attribute("server.address"), "127.0.0.1");
                assert!(call.attribute("aws.sqs.queue.url").ends_with(&format!("/{queue}")), "{call:#?}");
                assert!(call.error.is_none(), "{call:#?}");
            }
            about_a_queue(creation, "create", queue);
            assert_eq!(creation.attribute("messaging.message.conversation_id"), order);
            about_a_queue(processed, "process", queue);
            assert_eq!(processed.attribute("messaging.message.id").len(), 36);
        }
    }
}

fn about_a_queue(span: &Span, operation: &str, queue: &str) {
    for (key, value) in [
        ("messaging.system", "aws_sqs"),
        ("messaging.operation.name", operation),
        ("messaging.operation.type", operation),
        ("messaging.destination.name", queue),
    ] {
        assert_eq!(span.attribute(key), value, "{span:#?}");
    }
}

#[tokio::test]
async fn what_fails_says_so_in_its_span_and_a_trace_without_a_client_has_a_root() {
    let (collector, provider) = (Collector::start().await, Provider::start().await);
    let mut process = Process::start(&[
        SOON,
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint),
        ("PAYMENT_PROVIDER_URL", &provider.url),
    ])
    .await;
    provider.fail_next();
    process.place(42.00, None, "PAID").await;
    let answer = http_client().get(process.url("/orders/none")).send().await.unwrap();
    assert_eq!(answer.status(), 404);
    let brew = axum::http::Method::from_bytes(b"BREW").unwrap();
    assert_eq!(http_client().request(brew, process.url("/orders")).send().await.unwrap().status(), 405);
    assert!(process.interrupt().await);

    let spans = collector.spans();
    let all = |name: &str| spans.iter().filter(|span| span.name == name).collect::<Vec<_>>();
    let [server] = all("POST /orders")[..] else { panic!("{spans:#?}") };
    assert_eq!(server.parent, "");
    assert_eq!(server.resource["service.name"], "microservices-async");
    let [failed, charged] = all("POST /charges")[..] else { panic!("{spans:#?}") };
    assert_eq!((failed.attribute("error.type"), failed.attribute("http.response.status_code")), ("failed", "500"));
    assert!(failed.error.as_deref().is_some_and(|error| error.contains("500")), "{failed:#?}");
    assert_eq!((&charged.error, &charged.trace_id), (&None, &server.trace_id));
    let [first, second] = all("process orders")[..] else { panic!("{spans:#?}") };
    assert_eq!((first.attribute("error.type"), &second.error), ("retry", &None));
    // That somebody asks for what is not there is no error of ours.
    let unknown: Vec<_> = all("GET /orders/{orderId}")
        .into_iter()
        .filter(|span| span.attribute("http.response.status_code") == "404")
        .collect();
    assert!(unknown.len() == 1 && unknown[0].error.is_none(), "{unknown:#?}");
    let [brewed] = all("HTTP /orders")[..] else { panic!("{spans:#?}") };
    let methods = ["http.request.method", "http.request.method_original"].map(|key| brewed.attribute(key));
    assert_eq!(methods, ["_OTHER", "BREW"]);
}

#[tokio::test]
async fn nothing_but_spans_is_lost_while_the_collector_is_away() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let endpoint = format!("http://{nobody}");
    let mut process = Process::start(&[SOON, ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]).await;
    let told = || {
        process
            .log()
            .iter()
            .filter(|line| line["message"].as_str().is_some_and(|m| m.starts_with("traces cannot be exported")))
            .count()
    };
    process.place(42.00, None, "PAID").await;
    eventually("it says that traces cannot be exported", async || (told() > 0).then_some(())).await;
    process.place(42.90, None, "DECLINED").await;
    assert_eq!(told(), 1, "once, however long it lasts");
    assert!(process.interrupt().await);
}

#[tokio::test]
async fn an_idle_system_exports_nothing() {
    let collector = Collector::start().await;
    let mut process = Process::start(&[SOON, ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint)]).await;
    for path in ["/healthz", "/readyz"] {
        eventually(&format!("{path} answers"), async || http_client().get(process.url(path)).send().await.ok()).await;
    }
    // Its open receives come back with nothing when it is told to stop.
    assert!(process.interrupt().await);
    assert!(collector.spans().is_empty(), "{:#?}", collector.spans());
}

#[tokio::test]
async fn what_the_sampler_leaves_out_is_not_exported_and_goes_on_in_the_log() {
    let collector = Collector::start().await;
    let mut process = Process::start(&[
        SOON,
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint),
        ("OTEL_TRACES_SAMPLER", "parentbased_always_off"),
    ])
    .await;
    process.place(42.00, None, "PAID").await;
    process.place(42.00, Some(&format!("00-{TRACE}-{CLIENT}-01")), "PAID").await;
    assert!(process.interrupt().await);
    let spans = collector.spans();
    assert!(spans.iter().all(|span| span.is_about(TRACE)), "{spans:#?}");
    assert!(spans.iter().any(|span| span.name == "send payments"), "a call goes by its links");
    let settled: Vec<_> = process.log().into_iter().filter(|line| line["message"] == "order settled").collect();
    assert!(
        settled.len() == 2 && settled.iter().all(|line| line["trace_id"].as_str().is_some_and(|id| id.len() == 32))
    );
}

/// A provider that charges and refunds, and keeps the trace contexts that it is called in.
struct Provider {
    url: String,
    traceparents: Arc<Mutex<Vec<String>>>,
    fails: Arc<Mutex<bool>>,
}

impl Provider {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let provider = Self { url, traceparents: Arc::default(), fails: Arc::default() };
        let (traceparents, fails) = (provider.traceparents.clone(), provider.fails.clone());
        let charge = post(async move |headers: HeaderMap| {
            let traceparent = headers.get("traceparent").map(|value| value.to_str().unwrap().to_owned());
            traceparents.lock().unwrap().extend(traceparent);
            let fails = std::mem::take(&mut *fails.lock().unwrap());
            let status =
                if fails { axum::http::StatusCode::INTERNAL_SERVER_ERROR } else { axum::http::StatusCode::CREATED };
            (status, Json(json!({ "id": "charge-1", "status": "succeeded" })))
        });
        let traceparents = provider.traceparents.clone();
        let refund = post(async move |headers: HeaderMap| {
            traceparents.lock().unwrap().push(headers["traceparent"].to_str().unwrap().to_owned());
            (axum::http::StatusCode::CREATED, Json(json!({ "id": "refund-1", "status": "refunded" })))
        });
        let app = Router::new().route("/charges", charge).route("/refunds", refund);
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        provider
    }

    fn fail_next(&self) {
        *self.fails.lock().unwrap() = true;
    }
}
