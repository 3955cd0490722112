//! The route that takes an order back.

use axum::Extension;
use axum::extract::{FromRequest, Path, Request, State};
use axum::response::Response;
use serde::Deserialize;
use sqs::TraceContext;
use utoipa::ToSchema;
use utoipa::openapi::{OpenApi, RefOr};

use super::body::{self, Faults, Members};
use super::edge::{Caller, TRACER};
use super::idempotency_key::IdempotencyKey;
use super::orders::{OrderAnswer, OrdersState, accepted, replayed};
use super::problem::Problem;
use super::schema;
use crate::cancellation::Reason;
use crate::order::order_id;
use crate::store::{CancelOrder, Cancelled};

/// Why an order is taken back.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(examples(json!({ "reason": "ordered twice" })))]
#[allow(dead_code, reason = "it describes the body, which CancellationBody reads exactly")]
pub(crate) struct CancellationSchema {
    #[schema(schema_with = schema::reason, required = false)]
    reason: String,
}

/// Why the client wants its order back, if it says so; there need not be any body.
pub(crate) struct CancellationBody(pub(crate) Option<Reason>);

impl<S: Sync> FromRequest<S> for CancellationBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if body::is_none(&request) {
            return Ok(Self(None));
        }
        parse(&body::read(request).await?).map(Self)
    }
}

fn parse(body: &[u8]) -> Result<Option<Reason>, Problem> {
    if body.is_empty() {
        return Ok(None);
    }
    let value = body::json(body)?;
    let mut faults = Faults::default();
    let Ok(Members(members)) = serde_json::from_str(value.get()) else {
        faults.add("", "must be an object, with or without a reason");
        return Err(Problem::invalid_cancellation(faults));
    };
    let mut json = None;
    for (name, value) in &members {
        match name.as_str() {
            "reason" if json.is_none() => json = Some(value.get()),
            "reason" => faults.add("/reason", "is given more than once"),
            _ => faults.add(&body::pointer(name), "is not a field of a cancellation"),
        }
    }
    let reason = json.map(|json| body::string(json)?.parse::<Reason>().map_err(|error| error.to_string()));
    match reason.transpose() {
        Ok(reason) if faults.is_empty() => return Ok(reason),
        Ok(_) => {}
        Err(detail) => faults.add("/reason", &detail),
    }
    Err(Problem::invalid_cancellation(faults))
}

/// Has the description say that there need not be a body. An `Option` of one would say that it may be `null`, too.
pub(super) fn without_a_body_too(api: &mut OpenApi) {
    let path = api.paths.paths.get_mut("/orders/{orderId}/cancel");
    if let Some(RefOr::T(body)) = path.and_then(|path| path.post.as_mut()?.request_body.as_mut()) {
        body.required = None;
    }
}

/// Take an order back
///
/// If it has been charged, what was charged is refunded: it ends `REFUNDED`, otherwise `CANCELLED`. Sent again it is answered
/// with the order as it is then; with the same `Idempotency-Key` and reason it is answered as the first time.
#[utoipa::path(
    post,
    path = "/orders/{orderId}/cancel",
    tag = "orders",
    params(
        ("orderId" = Uuid, Path, description = "As answered when it was placed"),
        schema::KeyParameter,
        ("traceparent" = Option<String>, Header, nullable = false, description = "W3C trace context to continue"),
    ),
    request_body(content = CancellationSchema, content_type = "application/json"),
    responses(
        (status = 202, description = "Accepted: it will be cancelled or refunded, or has been", body = OrderAnswer, headers(
            ("Location" = String, description = "Where the order is found"),
            ("Idempotent-Replayed" = String, description = "true: an earlier request with this key was answered so"),
        )),
        (status = 400, description = "Not JSON, or an unusable Idempotency-Key", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid bearer token, where tokens are checked", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such order", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body came too slowly", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The order has been declined: there is nothing to take back", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = format!("Larger than {} KiB", body::MAX_BYTES / 1024), body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "A body that is not application/json", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "An unusable reason, or the key belongs to another request", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many requests; see Retry-After", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too much to do; see Retry-After", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn cancel_order(
    State(OrdersState { store, slots, metrics, queue }): State<OrdersState>,
    caller: Caller,
    IdempotencyKey(key): IdempotencyKey,
    Extension(trace): Extension<TraceContext>,
    path: Result<Path<String>, axum::extract::rejection::PathRejection>,
    CancellationBody(reason): CancellationBody,
) -> Result<Response, Problem> {
    // A path that is not UTF-8 names no order either.
    let Path(id) = path.map_err(|_| Problem::unknown_order("?"))?;
    let Some(order_id) = order_id(&id) else { return Err(Problem::unknown_order(&id)) };
    let _slot = slots.0.try_acquire().map_err(|_| Problem::overloaded())?;
    let order = store.get(order_id).await?;
    // Somebody else's order is as unknown as none.
    let order =
        order.filter(|order| caller.may_act_for(&order.placed.user_id)).ok_or_else(|| Problem::unknown_order(&id))?;
    let key = key.map(|key| caller.own_key(key));
    let mut creation = TRACER.create(&queue, order_id, trace);
    let cancelled = store.cancel(CancelOrder::new(order, reason, creation.context(), key)).await;
    match cancelled.inspect_err(|error| creation.fail("not-stored", error.to_string()))? {
        Cancelled::Now(order) => {
            metrics.became(&order.status);
            tracing::info!(%order_id, "cancellation accepted");
            Ok(accepted(order))
        }
        Cancelled::Before(order) => Ok(accepted(order)),
        Cancelled::Replayed(order) => {
            tracing::info!(%order_id, "cancellation sent again, answered as the first time");
            Ok(replayed(order))
        }
        Cancelled::KeyReused => Err(Problem::idempotency_key_reused()),
        Cancelled::Refused(status) => Err(Problem::not_cancellable(&status)),
        Cancelled::BacklogFull => Err(Problem::backlog_full()),
        Cancelled::Unknown => Err(Problem::unknown_order(&id)),
    }
}
