//! The console's port: the page, the events, and what the page's buttons do.

mod body;
mod dead_letters;
mod events;
mod headers;
mod orders;
mod own;
mod problem;
mod switches;

use std::any::Any;
use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, header};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use serde_json::json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

use crate::assets::ASSETS;
use crate::orders::Orders;
use crate::queues::Queues;
use crate::story::Stories;
use crate::switches::Switches;
use crate::thousand::Thousand;
pub(crate) use events::event;
use own::OwnNames;
pub(crate) use problem::Problem;

/// No request has more to say.
const LARGEST_BODY: usize = 4 * 1024;

/// What the routes stand on.
#[derive(Clone)]
pub(crate) struct Shared {
    /// The newest state, as an event.
    pub(crate) states: watch::Receiver<Bytes>,
    /// How many listen.
    pub(crate) listeners: Arc<watch::Sender<usize>>,
    pub(crate) orders: Arc<Orders>,
    pub(crate) queues: Arc<Queues>,
    pub(crate) stories: Arc<Stories>,
    pub(crate) thousand: Thousand,
    pub(crate) switches: Switches,
    pub(crate) stop: CancellationToken,
}

/// Everything that the port serves.
pub(crate) fn router(shared: Shared, hosts: Arc<[String]>) -> Router {
    let page = ASSETS.iter().fold(Router::new(), |router, asset| {
        router.route(asset.path, get(([(header::CONTENT_TYPE, asset.content_type)], asset.content)))
    });
    page.route("/favicon.ico", get(StatusCode::NO_CONTENT))
        .route("/healthz", get(async || Json(json!({ "status": "live" }))))
        .route("/events", get(events::listen))
        .route("/orders", post(orders::place))
        .route("/orders/thousand", post(orders::place_thousand))
        .route("/orders/{order_id}", get(orders::story))
        .route("/orders/{order_id}/cancel", post(orders::cancel))
        .route("/dead-letters/look", post(dead_letters::look))
        .route("/dead-letters/{queue}/purge", post(dead_letters::purge))
        .route("/dead-letters/{queue}/{message_id}", get(dead_letters::show))
        .route("/dead-letters/{queue}/{message_id}/send-back", post(dead_letters::send_back))
        .route("/switches/{id}", post(switches::set))
        .fallback(|| async { Problem::unknown_path() })
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .with_state(shared)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(OwnNames(hosts), own::only_own))
        .layer(map_response(headers::add))
}

fn panicked(_: Box<dyn Any + Send>) -> Response {
    tracing::error!("a request handler panicked");
    Problem::internal().into_response()
}
