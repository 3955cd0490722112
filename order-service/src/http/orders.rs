//! The routes of orders.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sqs::TraceContext;
use utoipa::ToSchema;
use uuid::Uuid;

use super::body::{self, OrderBody};
use super::edge::{Caller, OrderSlots, TRACER};
use super::idempotency_key::IdempotencyKey;
use super::prefer::{self, PREFERENCE_APPLIED, PreferWait};
use super::problem::Problem;
use super::query::ListQuery;
use super::schema;
use crate::metrics::OrderMetrics;
use crate::order::{Order, order_id};
use crate::store::{OrderStore, PlaceOrder, Placed};

/// What the routes of orders work with.
#[derive(Clone)]
pub(crate) struct OrdersState {
    pub(crate) store: OrderStore,
    pub(crate) slots: OrderSlots,
    pub(crate) metrics: OrderMetrics,
    /// Where an order's event will be sent to.
    pub(crate) queue: Arc<str>,
}

const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// What is to be ordered.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(examples(json!({ "userId": "dev-user", "total": 42.00 })))]
#[allow(dead_code, reason = "it describes the body, which OrderBody reads exactly")]
pub(crate) struct NewOrderSchema {
    #[schema(schema_with = schema::user_id)]
    user_id: String,
    #[schema(schema_with = schema::total)]
    total: f64,
    #[schema(schema_with = schema::currency, required = false)]
    currency: String,
}

/// An order.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderAnswer {
    order_id: Uuid,
    user_id: String,
    /// With two decimals.
    #[schema(value_type = f64)]
    total: Box<RawValue>,
    currency: String,
    #[schema(schema_with = schema::status)]
    status: String,
    /// RFC 3339, UTC.
    #[schema(format = DateTime)]
    created_at: String,
    /// RFC 3339, UTC.
    #[schema(format = DateTime)]
    updated_at: String,
}

/// One page of orders.
#[derive(Serialize, ToSchema)]
pub(crate) struct OrdersAnswer {
    /// Newest first.
    orders: Vec<OrderAnswer>,
    /// Give it as `after` to get the next page; null: this was the last one.
    #[schema(required)]
    next: Option<String>,
}

impl From<Order> for OrderAnswer {
    fn from(order: Order) -> Self {
        let total = RawValue::from_string(order.placed.total.to_string());
        Self {
            order_id: order.id,
            user_id: order.placed.user_id.as_str().to_owned(),
            // The total's text is a JSON number.
            total: total.unwrap_or_default(),
            currency: order.placed.currency.to_string(),
            status: order.status.to_string(),
            created_at: format!("{:.3}", order.created_at),
            updated_at: format!("{:.3}", order.updated_at),
        }
    }
}

/// Place an order
///
/// The order is stored before the answer; its payment follows. Sent again with the same `Idempotency-Key`, it is not
/// placed again.
#[utoipa::path(
    post,
    path = "/orders",
    tag = "orders",
    params(
        schema::KeyParameter,
        ("traceparent" = Option<String>, Header, nullable = false, description = "W3C trace context to continue."),
    ),
    request_body(content = NewOrderSchema, content_type = "application/json"),
    responses(
        (status = 202, description = "Accepted: it will be paid or declined", body = OrderAnswer, headers(
            ("Location" = String, description = "Where the order is found"),
            ("Idempotent-Replayed" = String, description = "true: an earlier request with this key has placed it"),
        )),
        (status = 400, description = "Not JSON, or an unusable Idempotency-Key", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid bearer token, where tokens are checked", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "userId is not the token's sub", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body came too slowly", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = format!("Larger than {} KiB", body::MAX_BYTES / 1024), body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not application/json", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Unusable fields, or the key belongs to another order", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many requests; see Retry-After", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too much to do; see Retry-After", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn place_order(
    State(OrdersState { store, slots, metrics, queue }): State<OrdersState>,
    caller: Caller,
    IdempotencyKey(key): IdempotencyKey,
    Extension(trace): Extension<TraceContext>,
    OrderBody(new_order): OrderBody,
) -> Result<Response, Problem> {
    if !caller.may_act_for(&new_order.user_id) {
        return Err(Problem::not_yours());
    }
    let _slot = slots.0.try_acquire().map_err(|_| Problem::overloaded())?;
    let key = key.map(|key| caller.own_key(key));
    let order = Order::accept(new_order);
    let mut creation = TRACER.create(&queue, order.id, trace);
    let placed = store.place(PlaceOrder::new(order, creation.context(), key)).await;
    match placed.inspect_err(|error| creation.fail("not-stored", error.to_string()))? {
        Placed::Accepted(order) => {
            metrics.became(&order.status);
            tracing::info!(order_id = %order.id, "order accepted");
            Ok(accepted(order))
        }
        Placed::Replayed(order) => {
            tracing::info!(order_id = %order.id, "order sent again, answered as the first time");
            Ok(replayed(order))
        }
        Placed::KeyReused => Err(Problem::idempotency_key_reused()),
        Placed::BacklogFull => Err(Problem::backlog_full()),
    }
}

/// The answer to a request that has been answered before.
pub(super) fn replayed(order: Order) -> Response {
    let mut response = accepted(order);
    response.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    response
}

/// The answer to a request whose end comes later.
pub(super) fn accepted(order: Order) -> Response {
    let location = format!("/orders/{}", order.id);
    (StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(OrderAnswer::from(order))).into_response()
}

/// One order
///
/// With `Prefer: wait=N` it is answered once the order has come to an end, or after N seconds, whichever is first.
#[utoipa::path(
    get,
    path = "/orders/{orderId}",
    tag = "orders",
    params(
        ("orderId" = Uuid, Path, description = "As answered when it was placed"),
        ("Prefer" = Option<String>, Header, nullable = false,
            description = format!("wait=N: wait up to N seconds, {} to {}, for its end (RFC 7240)", prefer::SECONDS.start(), prefer::SECONDS.end())),
    ),
    responses(
        (status = 200, description = "The order", body = OrderAnswer, headers(
            ("Preference-Applied" = String, description = "wait=N: the preference was honoured"),
        )),
        (status = 401, description = "No valid bearer token, where tokens are checked", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such order", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many requests; see Retry-After", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too much to do; see Retry-After", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_order(
    State(OrdersState { store, .. }): State<OrdersState>,
    caller: Caller,
    PreferWait(seconds): PreferWait,
    path: Result<Path<String>, axum::extract::rejection::PathRejection>,
) -> Result<Response, Problem> {
    // A path that is not UTF-8 names no order either.
    let Path(id) = path.map_err(|_| Problem::unknown_order("?"))?;
    let Some(order_id) = order_id(&id) else { return Err(Problem::unknown_order(&id)) };
    let wait = seconds.and_then(|seconds| Some((seconds, store.wait_for(order_id)?)));
    let order = store.get(order_id).await?;
    // Somebody else's order is as unknown as none.
    let mut order =
        order.filter(|order| caller.may_act_for(&order.placed.user_id)).ok_or_else(|| Problem::unknown_order(&id))?;
    let mut applied = HeaderMap::new();
    if let Some((seconds, waiter)) = wait {
        applied.insert(PREFERENCE_APPLIED, prefer::applied(seconds));
        if !order.status.is_final() {
            waiter.ended(prefer::duration(seconds)).await;
            order = store.get(order_id).await?.ok_or_else(|| Problem::unknown_order(&id))?;
        }
    }
    Ok((applied, Json(OrderAnswer::from(order))).into_response())
}

/// Orders, newest first
#[utoipa::path(
    get,
    path = "/orders",
    tag = "orders",
    params(schema::ListParameters),
    responses(
        (status = 200, description = "One page", body = OrdersAnswer),
        (status = 400, description = "An unusable parameter", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid bearer token, where tokens are checked", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "userId is not the token's sub", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many requests; see Retry-After", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too much to do; see Retry-After", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_orders(
    State(OrdersState { store, .. }): State<OrdersState>,
    caller: Caller,
    ListQuery(mut list): ListQuery,
) -> Result<Json<OrdersAnswer>, Problem> {
    if let Some(own) = caller.restricted_to() {
        if list.user_id.as_ref().is_some_and(|user_id| user_id != own) {
            return Err(Problem::not_yours());
        }
        list.user_id = Some(own.clone());
    }
    let page = store.list(&list).await?;
    Ok(Json(OrdersAnswer {
        orders: page.orders.into_iter().map(OrderAnswer::from).collect(),
        next: page.next.map(|next| next.to_string()),
    }))
}
