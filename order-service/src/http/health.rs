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

/// Whether the service should be given work, and what it stands on.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "status": "ready", "database": "up", "queue": "up" }))]
struct ReadyAnswer {
    /// `ready`, `not ready` or `stopping`
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
/// As long as the database is up: without the queue orders are accepted all the same, and told on once it is back. The
/// answer is what the service knows; neither is asked for it.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "health",
    security(()),
    responses(
        (status = 200, description = "Ready", body = ReadyAnswer),
        (status = 503, description = "The database is out of reach, or the service is stopping", body = ReadyAnswer),
    )
)]
#[expect(dead_code, reason = "only its description is used")]
fn readyz() {}
