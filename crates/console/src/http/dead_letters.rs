//! What is done with dead letters.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::body::{Body, Wanted};
use super::problem::Problem;
use crate::state::WholeLetter;

/// The dead letters are read again, whatever is known of them.
pub(super) async fn look(State(shared): State<Shared>) -> StatusCode {
    shared.queues.look();
    StatusCode::ACCEPTED
}

pub(super) async fn show(
    State(shared): State<Shared>,
    Path((queue, message_id)): Path<(String, String)>,
) -> Result<Json<WholeLetter>, Problem> {
    let letter = shared.queues.letter(&queue, &message_id).ok_or_else(Problem::letter_gone)?;
    Ok(Json(WholeLetter::of(&letter)))
}

pub(super) async fn send_back(
    State(shared): State<Shared>,
    Path((queue, message_id)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let sent = shared.queues.send_back(&queue, &message_id).await.map_err(Problem::queue_away)?;
    sent.map_err(|_| Problem::letter_gone())?;
    tracing::info!(queue, message_id, "dead letter sent back");
    Ok(Json(json!({ "moved": 1 })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Purging {
    #[serde(default)]
    yes: bool,
}

impl Wanted for Purging {
    const EXAMPLE: &'static str = r#"{"yes":true}"#;
}

pub(super) async fn purge(
    State(shared): State<Shared>,
    Path(queue): Path<String>,
    Body(Purging { yes }): Body<Purging>,
) -> Result<Json<Value>, Problem> {
    if !yes {
        return Err(Problem::not_confirmed());
    }
    let purged = shared.queues.purge(&queue).await.map_err(Problem::queue_away)?;
    purged.map_err(|_| Problem::no_such_queue())?;
    tracing::info!(queue, "dead letters purged");
    Ok(Json(json!({ "purged": queue })))
}
