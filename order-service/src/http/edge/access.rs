//! What is seen of each request: a metric, a line in the log, and a span that the rest of its trace grows from.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Instant;

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use chassis::trace::{OpenSpan, Tracer};
use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;
use opentelemetry_semantic_conventions::attribute;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use tower_governor::key_extractor::KeyExtractor;
use tracing::Instrument;

use super::rate_limit::ClientAddress;

pub(crate) static TRACER: Tracer = Tracer::of("order-service");

/// Those that the semantic conventions advise, one finer at the fast end and one longer than any wait for an order.
const SECONDS: [f64; 16] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0, 35.0];

/// Only machines ask these, again and again: they are counted, and neither traced nor logged.
const MACHINES: [&str; 2] = ["/healthz", "/readyz"];

/// What the semantic conventions call a method that is none of HTTP's; a span's name has "HTTP" in its place.
const OTHER_METHOD: &str = "_OTHER";

/// What is counted of requests; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct HttpMetrics(Family<Labels, Histogram, fn() -> Histogram>);

/// Those of the semantic conventions. A request that no route takes has none.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Labels {
    http_request_method: &'static str,
    http_route: Cow<'static, str>,
    http_response_status_code: u16,
}

impl HttpMetrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let durations =
            Family::<Labels, Histogram, fn() -> Histogram>::new_with_constructor(|| Histogram::new(SECONDS));
        for (http_request_method, http_route, http_response_status_code) in [
            ("POST", "/orders", 202),
            ("POST", "/orders", 503),
            ("POST", "/orders/{orderId}/cancel", 202),
            ("GET", "/orders", 200),
            ("GET", "/orders/{orderId}", 200),
        ] {
            let http_route = http_route.into();
            drop(durations.get_or_create(&Labels { http_request_method, http_route, http_response_status_code }));
        }
        let help = "How long a request took to its answer";
        registry.register_with_unit("http_server_request_duration", help, Unit::Seconds, durations.clone());
        Self(durations)
    }
}

/// What is known of a problem that was answered, for the line about it.
#[derive(Clone)]
pub(crate) struct Told(pub(crate) Cow<'static, str>);

/// What sees each request.
#[derive(Clone)]
pub(super) struct Access {
    pub(super) metrics: HttpMetrics,
    pub(super) clients: ClientAddress,
}

pub(super) async fn see(State(access): State<Access>, mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = known(request.method());
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned()).unwrap_or_default();
    if MACHINES.contains(&route.as_str()) {
        let response = next.run(request).await;
        access.metrics.answered(method, route, response.status(), begun);
        return response;
    }
    let client = access.clients.extract(&request).map(|client| client.to_string()).unwrap_or_default();
    let mut traced = begin_span(method, &route, &client, &request);
    let trace = traced.context();
    request.extensions_mut().insert(trace);
    let span = tracing::error_span!("request", trace_id = trace.trace_id(), span_id = trace.span_id());
    let response = next.run(request).instrument(span.clone()).await;
    let status = response.status();
    traced.set(attribute::HTTP_RESPONSE_STATUS_CODE, i64::from(status.as_u16()));
    if status.is_server_error() {
        // The status code says it all: the conventions want no description beside it.
        traced.fail(status.as_str().to_owned(), "");
    }
    span.in_scope(|| tell(method, &route, &client, &response, begun));
    access.metrics.answered(method, route, status, begun);
    response
}

impl HttpMetrics {
    fn answered(&self, http_request_method: &'static str, route: String, status: StatusCode, begun: Instant) {
        let (http_route, http_response_status_code) = (route.into(), status.as_u16());
        let labels = Labels { http_request_method, http_route, http_response_status_code };
        self.0.get_or_create(&labels).observe(begun.elapsed().as_secs_f64());
    }
}

fn begin_span(method: &'static str, route: &str, client: &str, request: &Request) -> OpenSpan {
    let verb = if method == OTHER_METHOD { "HTTP" } else { method };
    let name = if route.is_empty() { verb.to_owned() } else { format!("{verb} {route}") };
    let mut span = TRACER.begin(name, SpanKind::Server, chassis::trace::continue_from(request.headers()));
    span.describe(|| {
        let mut attributes = vec![
            KeyValue::new(attribute::HTTP_REQUEST_METHOD, method),
            KeyValue::new(attribute::URL_PATH, request.uri().path().to_owned()),
            KeyValue::new(attribute::URL_SCHEME, "http"),
            KeyValue::new(attribute::CLIENT_ADDRESS, client.to_owned()),
        ];
        if method == OTHER_METHOD {
            attributes.push(KeyValue::new(attribute::HTTP_REQUEST_METHOD_ORIGINAL, request.method().to_string()));
        }
        if !route.is_empty() {
            attributes.push(KeyValue::new(attribute::HTTP_ROUTE, route.to_owned()));
        }
        if let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>() {
            attributes.push(KeyValue::new(attribute::NETWORK_PEER_ADDRESS, peer.ip().to_string()));
        }
        attributes
    });
    span
}

/// The line about a request: louder where an operator would look for it.
fn tell(method: &str, route: &str, client: &str, response: &Response, begun: Instant) {
    let status = response.status();
    let duration_ms = begun.elapsed().as_secs_f64() * 1e3;
    let status_code = status.as_u16();
    let problem = response.extensions().get::<Told>().map(|told| &*told.0);
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            tracing::warn!(method, route, status = status_code, duration_ms, client, problem, "request refused");
        }
        status if status.is_server_error() => {
            tracing::error!(method, route, status = status_code, duration_ms, client, problem, "request failed");
        }
        _ => tracing::info!(method, route, status = status_code, duration_ms, client, problem, "request"),
    }
}

/// Anybody can invent a method; a series for each would be too many.
fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "PATCH" => "PATCH",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        _ => OTHER_METHOD,
    }
}
