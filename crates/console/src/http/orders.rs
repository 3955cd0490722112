//! What is done with orders.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::body::{Body, Wanted};
use super::problem::Problem;
use crate::api::Order;
use crate::kinds::Kind;
use crate::story::Story;
use crate::thousand;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Placing {
    kind: String,
}

impl Wanted for Placing {
    const EXAMPLE: &'static str = r#"{"kind":"paid"}"#;
}

pub(super) async fn place(
    State(shared): State<Shared>,
    Body(Placing { kind }): Body<Placing>,
) -> Result<(StatusCode, Json<Order>), Problem> {
    let kind = Kind::by_id(&kind).ok_or_else(Problem::unknown_kind)?;
    let (order, trace) = shared.orders.api().place(kind).await?;
    shared.orders.placed(&order, trace);
    Ok((StatusCode::ACCEPTED, Json(order)))
}

pub(super) async fn place_thousand(State(shared): State<Shared>) -> Result<(StatusCode, Json<Value>), Problem> {
    if !shared.thousand.begin() {
        return Err(Problem::already_placing());
    }
    Ok((StatusCode::ACCEPTED, Json(json!({ "orders": thousand::ORDERS }))))
}

pub(super) async fn cancel(
    State(shared): State<Shared>,
    Path(order_id): Path<String>,
) -> Result<(StatusCode, Json<Order>), Problem> {
    let order = shared.orders.api().cancel(own_segment(&order_id)?).await?;
    shared.orders.moved();
    Ok((StatusCode::ACCEPTED, Json(order)))
}

pub(super) async fn story(State(shared): State<Shared>, Path(order_id): Path<String>) -> Result<Json<Story>, Problem> {
    Ok(Json(shared.stories.of(own_segment(&order_id)?).await?))
}

/// What is put into a path of the API's must not lead to another.
fn own_segment(order_id: &str) -> Result<&str, Problem> {
    let usable = order_id.len() <= 64 && order_id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if usable { Ok(order_id) } else { Err(Problem::unknown_order()) }
}
