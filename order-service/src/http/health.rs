//! How the health checks are described; the answers themselves are the chassis's, on this port as on the admin port.

use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

/// The health checks' part of the API.
#[derive(OpenApi)]
#[openapi(paths(healthz, readyz), tags((name = "health", description = "For load balancers and orchestrators")))]
pub(crate) struct HealthApi;

/// Whether the service gets on.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "status": "live" }))]
struct LiveAnswer {
    /// `live` or `stalled`
    status: String,
}

/// Whether what the service needs is in reach.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "status": "ready", "database": "up", "queue": "up" }))]
struct ReadyAnswer {
    /// `ready` or `not ready`
    status: String,
    /// `up` or `down`
    database: String,
    /// `up` or `down`
    queue: String,
}

/// Is it live?
///
/// If not, only a restart helps.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "health",
    security(()),
    responses(
        (status = 200, description = "Live", body = LiveAnswer),
        (status = 503, description = "No poll of the queue has come back for three long polls", body = LiveAnswer),
    )
)]
#[expect(dead_code, reason = "only its description is used")]
fn healthz() {}

/// Is it ready?
///
/// If not, it will be as soon as what is down is up again. Orders are accepted without the queue.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "health",
    security(()),
    responses(
        (status = 200, description = "Ready", body = ReadyAnswer),
        (status = 503, description = "The database or the queue is out of reach", body = ReadyAnswer),
    )
)]
#[expect(dead_code, reason = "only its description is used")]
fn readyz() {}
