//! The admin port: for orchestrators and Prometheus, not for the public.

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::registry::Registry;

use crate::health::{self, Health};
use crate::metrics::Exposition;

/// `GET /healthz`, `GET /readyz` and `GET /metrics`.
pub fn routes(health: Arc<Health>, registry: Arc<Registry>, queues: sqs::Metrics) -> Router {
    health::routes(health).route("/metrics", get(async move |headers: HeaderMap| metrics(&headers, &registry, &queues)))
}

fn metrics(headers: &HeaderMap, registry: &Registry, queues: &sqs::Metrics) -> Response {
    let exposition = Exposition::accepted(headers);
    match exposition.write(registry, queues) {
        Ok(text) => ([(header::CONTENT_TYPE, exposition.content_type())], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
