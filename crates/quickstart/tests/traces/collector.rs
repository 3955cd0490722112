//! A collector that takes OTLP over HTTP, and the spans that it has been sent.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message;
use tokio::net::TcpListener;

pub(crate) type Attributes = BTreeMap<String, String>;

/// A span, its ids and attributes as text.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) name: String,
    pub(crate) kind: SpanKind,
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    pub(crate) parent: String,
    pub(crate) links: Vec<(String, String)>,
    pub(crate) attributes: Attributes,
    /// What went wrong.
    pub(crate) error: Option<String>,
    pub(crate) resource: Attributes,
    pub(crate) scope: String,
    pub(crate) begun: u64,
    pub(crate) ended: u64,
}

#[derive(Clone)]
pub(crate) struct Collector {
    pub(crate) endpoint: String,
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let spans = Arc::new(Mutex::new(Vec::new()));
        let collector = Self { endpoint, spans: spans.clone() };
        let app = Router::new().route(
            "/v1/traces",
            post(async move |headers: HeaderMap, body: Bytes| {
                assert_eq!(headers["content-type"], "application/x-protobuf");
                spans.lock().unwrap().extend(read(ExportTraceServiceRequest::decode(body).unwrap()));
                StatusCode::OK
            }),
        );
        // It ends with the test's runtime.
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        collector
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        self.spans.lock().unwrap().clone()
    }

    /// The only span of that name in a trace, or among those that link to it.
    pub(crate) fn only(&self, name: &str, about: &str) -> Span {
        let mut found: Vec<Span> =
            self.spans().into_iter().filter(|span| span.name == name && span.is_about(about)).collect();
        assert_eq!(found.len(), 1, "{name}: {found:#?}");
        found.remove(0)
    }
}

impl Span {
    pub(crate) fn is_about(&self, trace_id: &str) -> bool {
        self.trace_id == trace_id || self.links.iter().any(|(linked, _)| linked == trace_id)
    }

    pub(crate) fn attribute(&self, key: &str) -> &str {
        self.attributes.get(key).map_or("", String::as_str)
    }
}

fn read(request: ExportTraceServiceRequest) -> Vec<Span> {
    let mut spans = Vec::new();
    for of_resource in request.resource_spans {
        let resource = attributes(of_resource.resource.unwrap_or_default().attributes);
        for of_scope in of_resource.scope_spans {
            let scope = of_scope.scope.unwrap_or_default().name;
            for span in of_scope.spans {
                spans.push(Span {
                    kind: span.kind(),
                    name: span.name,
                    trace_id: hex(&span.trace_id),
                    span_id: hex(&span.span_id),
                    parent: hex(&span.parent_span_id),
                    links: span.links.iter().map(|link| (hex(&link.trace_id), hex(&link.span_id))).collect(),
                    attributes: attributes(span.attributes),
                    error: span.status.filter(|status| status.code == 2).map(|status| status.message),
                    resource: resource.clone(),
                    scope: scope.clone(),
                    begun: span.start_time_unix_nano,
                    ended: span.end_time_unix_nano,
                });
            }
        }
    }
    spans
}

fn attributes(attributes: Vec<KeyValue>) -> Attributes {
    let text = |value| match value {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    attributes.into_iter().filter_map(|KeyValue { key, value, .. }| Some((key, text(value?.value?)))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
