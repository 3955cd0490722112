//! Liveness and readiness, on every port of a service.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Map, Value};

/// How a service knows that it is well.
pub trait Health: Send + Sync + 'static {
    /// Whether it gets on. If not, only a restart helps.
    fn is_live(&self) -> bool;

    /// Each dependency by name, and whether it is in reach.
    fn dependencies(&self) -> impl Future<Output = Vec<(&'static str, bool)>> + Send;
}

/// `GET /healthz` and `GET /readyz`.
pub fn routes<H: Health>(health: Arc<H>) -> Router {
    Router::new().route("/healthz", get(healthz::<H>)).route("/readyz", get(readyz::<H>)).with_state(health)
}

async fn healthz<H: Health>(State(health): State<Arc<H>>) -> impl IntoResponse {
    if health.is_live() {
        (StatusCode::OK, Json(serde_json::json!({ "status": "live" })))
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, Json(serde_json::json!({ "status": "stalled" })))
    }
}

async fn readyz<H: Health>(State(health): State<Arc<H>>) -> impl IntoResponse {
    let dependencies = health.dependencies().await;
    let ready = dependencies.iter().all(|(_, up)| *up);
    let mut body: Map<String, Value> = Map::new();
    body.insert("status".into(), if ready { "ready" } else { "not ready" }.into());
    body.extend(dependencies.into_iter().map(|(name, up)| (name.to_owned(), if up { "up" } else { "down" }.into())));
    (if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(body))
}
