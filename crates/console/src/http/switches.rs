//! What is switched off and on again.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::body::{Body, Wanted};
use super::problem::Problem;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Setting {
    on: bool,
}

impl Wanted for Setting {
    const EXAMPLE: &'static str = r#"{"on":true}"#;
}

pub(super) async fn set(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    Body(Setting { on }): Body<Setting>,
) -> Result<Json<Value>, Problem> {
    let switch = shared.switches.by_id(&id).ok_or_else(Problem::unknown_switch)?;
    switch.set(on).await.map_err(|error| Problem::not_switched(format!("{error:#}")))?;
    tracing::info!(switch = id, on, "switched");
    shared.queues.look();
    Ok(Json(json!({ "id": id, "on": switch.is_on() })))
}
