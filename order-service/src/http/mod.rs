//! The API: routes, their OpenAPI description, and one shape for every error.

mod body;
mod cancel;
pub mod edge;
mod health;
mod idempotency_key;
mod orders;
mod prefer;
mod problem;
mod query;
mod schema;

use std::any::Any;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use chassis::Health;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::SwaggerUi;

use edge::{EdgeSettings, HttpMetrics};
use health::HealthApi;
pub(crate) use orders::OrdersState;
use problem::Problem;

#[derive(OpenApi)]
#[openapi(
    modifiers(&BearerToken),
    info(
        title = "Orders",
        description = "Accepts orders; a payment worker charges each exactly once. The cents of the total decide what \
                       the built-in payment provider does: .00 to .89 succeed, .90 is declined, and the refund of .95 \
                       fails twice before it succeeds."
    ),
    tags((name = "orders", description = "Place orders, see what became of them, and take them back"))
)]
struct Api;

/// Optional: it is only checked where a key is configured.
struct BearerToken;

impl Modify for BearerToken {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        let components = api.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        api.security = Some(vec![SecurityRequirement::default(), SecurityRequirement::new("bearer", [""; 0])]);
    }
}

/// Everything that the public port serves.
pub(crate) fn router(orders: OrdersState, health: Arc<Health>, edge: &EdgeSettings, metrics: HttpMetrics) -> Router {
    let (routes, mut api) = OpenApiRouter::with_openapi(Api::openapi().merge_from(HealthApi::openapi()))
        .routes(routes!(orders::place_order, orders::list_orders))
        .routes(routes!(orders::get_order))
        .routes(routes!(cancel::cancel_order))
        .with_state(orders)
        .split_for_parts();
    cancel::without_a_body_too(&mut api);
    let app = edge::around_orders(routes, edge)
        .merge(Router::from(SwaggerUi::new("/docs").url("/openapi.json", api)).layer(map_response(unknown_asset)))
        .merge(chassis::health::routes(health))
        .fallback(|| async { Problem::unknown_path() })
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .layer(CatchPanicLayer::custom(panicked));
    edge::around_all(app, edge, metrics)
}

/// Swagger UI has an answer of its own for what it does not have.
async fn unknown_asset(response: Response) -> Response {
    if response.status() == StatusCode::NOT_FOUND { Problem::unknown_path().into_response() } else { response }
}

fn panicked(_: Box<dyn Any + Send>) -> Response {
    tracing::error!("a request handler panicked");
    Problem::internal().into_response()
}

/// Not all of what a client has sent, to tell it what is meant.
fn shortened(text: &str) -> String {
    text.chars().take(64).collect()
}
