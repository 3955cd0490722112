//! What stands between the network and the routes: who may come in, how many, how often, and from where.

mod access;
mod auth;
mod headers;
mod rate_limit;

use std::sync::Arc;

use axum::Router;
use axum::http::HeaderValue;
use axum::middleware::from_fn_with_state;
use chassis::Configuration;
use tokio::sync::Semaphore;

use access::Access;
pub(crate) use access::{HttpMetrics, TRACER, Told};
pub(crate) use auth::Caller;
pub use auth::TokenCheck;
pub use rate_limit::RateLimit;

/// How the edge is set up.
#[derive(Clone, Debug)]
pub struct EdgeSettings {
    /// `MAX_ORDERS_IN_FLIGHT`: orders being stored at once before further ones are refused.
    pub max_orders_in_flight: usize,
    /// `RATE_LIMIT_PER_SECOND`, `RATE_LIMIT_BURST`, `RATE_LIMIT_BEHIND_PROXY`
    pub rate_limit: Option<RateLimit>,
    /// `AUTH_JWT_SECRET` or `AUTH_JWT_PUBLIC_KEY_FILE`, `AUTH_JWT_AUDIENCE`, `AUTH_JWT_ISSUER`
    pub auth: Option<Arc<TokenCheck>>,
    /// `CORS_ALLOWED_ORIGINS`
    pub cors_origins: Vec<HeaderValue>,
}

impl EdgeSettings {
    pub(crate) fn read(configuration: &mut Configuration) -> Self {
        Self {
            max_orders_in_flight: configuration.number("MAX_ORDERS_IN_FLIGHT", 512, 1..=100_000) as usize,
            rate_limit: RateLimit::read(configuration),
            auth: TokenCheck::read(configuration).map(Arc::new),
            cors_origins: configuration.read("CORS_ALLOWED_ORIGINS", Vec::new(), headers::origins),
        }
    }
}

/// Load shedding: a request that finds no free slot is refused at once, instead of waiting in a line that only grows. A
/// slot is taken when the body has arrived, so slow clients cannot hold them.
#[derive(Clone)]
pub(crate) struct OrderSlots(pub(crate) Arc<Semaphore>);

impl OrderSlots {
    pub(crate) fn new(settings: &EdgeSettings) -> Self {
        Self(Arc::new(Semaphore::new(settings.max_orders_in_flight)))
    }
}

/// Puts the edge around the routes of orders.
pub(crate) fn around_orders(orders: Router, settings: &EdgeSettings) -> Router {
    let orders = match &settings.auth {
        Some(check) => orders.layer(from_fn_with_state(check.clone(), auth::check)),
        None => orders,
    };
    match &settings.rate_limit {
        Some(limit) => orders.layer(limit.layer()),
        None => orders,
    }
}

/// Puts the edge around everything.
pub(crate) fn around_all(app: Router, settings: &EdgeSettings, metrics: HttpMetrics) -> Router {
    let app = app.layer(headers::secure());
    let app = if settings.cors_origins.is_empty() { app } else { app.layer(headers::cors(&settings.cors_origins)) };
    let clients = settings.rate_limit.as_ref().map(|limit| limit.clients().clone()).unwrap_or_default();
    app.layer(from_fn_with_state(Access { metrics, clients }, access::see))
}
