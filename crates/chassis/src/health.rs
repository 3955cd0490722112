//! Liveness and readiness, on every port of a service. Both are answered from what is known: a health check costs the
//! database and the queue nothing, whoever asks, and however often.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use database::Database;
use serde_json::json;
use sqs::Queue;
use sqs::consumer::Progress;
use tokio_util::sync::CancellationToken;

/// How a service knows that it is well.
pub struct Health {
    /// Whether it gets on; none: it consumes nothing that could stall.
    pub progress: Option<Progress>,
    /// Its database, which somebody keeps [watching](Database::watch).
    pub database: Database,
    /// The queues that it sends to and receives from.
    pub queues: [Queue; 2],
    /// Whether it is of use without its queues.
    pub needs_queues: bool,
    /// Cancelled once it has been told to stop, or a part of it has ended.
    pub stop: CancellationToken,
}

/// `GET /healthz` and `GET /readyz`.
pub fn routes(health: Arc<Health>) -> Router {
    Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz)).with_state(health)
}

/// Whether the service gets on. If not, only a restart helps.
async fn healthz(State(health): State<Arc<Health>>) -> impl IntoResponse {
    if health.progress.as_ref().is_some_and(Progress::is_stalled) {
        (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "stalled" })))
    } else {
        (StatusCode::OK, Json(json!({ "status": "live" })))
    }
}

/// Whether it should be given work, and each dependency's state.
async fn readyz(State(health): State<Arc<Health>>) -> impl IntoResponse {
    let database = health.database.is_reachable();
    let queue = health.queues.iter().all(Queue::is_reachable);
    let (code, status) = if health.stop.is_cancelled() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping")
    } else if database && (queue || !health.needs_queues) {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready")
    };
    let state = |up| if up { "up" } else { "down" };
    (code, Json(json!({ "status": status, "database": state(database), "queue": state(queue) })))
}
