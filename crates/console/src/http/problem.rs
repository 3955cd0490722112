//! Refusals: RFC 9457 `application/problem+json`, those of the API in its own words.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// What went wrong, to what, and what to do about it.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    kind: String,
    title: String,
    detail: String,
    errors: Vec<Value>,
}

/// A problem as the API tells it.
#[derive(Deserialize)]
pub(crate) struct OfTheApi {
    #[serde(rename = "type")]
    kind: String,
    title: String,
    detail: String,
    #[serde(default)]
    errors: Vec<Value>,
}

impl Problem {
    fn new(status: StatusCode, kind: &str, title: &str, detail: impl Into<String>) -> Self {
        let kind = format!("urn:problem-type:{kind}");
        Self { status, kind, title: title.to_owned(), detail: detail.into(), errors: Vec::new() }
    }

    /// In its own words.
    pub(crate) fn of_the_api(status: StatusCode, OfTheApi { kind, title, detail, errors }: OfTheApi) -> Self {
        Self { status, kind, title, detail, errors }
    }

    pub(crate) fn order_service_away() -> Self {
        let detail = "The order service does not answer. Look whether it runs, then try again.";
        Self::new(StatusCode::BAD_GATEWAY, "order-service-away", "The order service is away", detail)
    }

    pub(crate) fn order_service_unclear() -> Self {
        let detail = "What answers at ORDER_SERVICE_URL does not answer as the order service does.";
        Self::new(StatusCode::BAD_GATEWAY, "order-service-unclear", "That is not the order service", detail)
    }

    pub(crate) fn queue_away(error: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, "queue-away", "SQS did not do it", format!("{error}."))
    }

    pub(crate) fn host_not_ours() -> Self {
        let detail = "The console answers to the names of this machine and to those in CONSOLE_HOSTS.";
        Self::new(StatusCode::MISDIRECTED_REQUEST, "host-not-ours", "Another host", detail)
    }

    pub(crate) fn from_elsewhere() -> Self {
        let detail = "The console takes requests from its own page only, not from another site.";
        Self::new(StatusCode::FORBIDDEN, "from-elsewhere", "A request from elsewhere", detail)
    }

    pub(crate) fn unknown_path() -> Self {
        Self::new(StatusCode::NOT_FOUND, "unknown-path", "No such path", "There is nothing at this path.")
    }

    pub(crate) fn method_not_allowed() -> Self {
        let detail = "This path does not have that method. The header Allow names those it has.";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "No such method here", detail)
    }

    /// What the framework says of a body or a path is for programmers; this is for people.
    pub(crate) fn unusable_body(status: StatusCode, wanted: &str) -> Self {
        Self::new(status, "unusable-body", "The body cannot be used", format!("It must be JSON such as {wanted}."))
    }

    pub(crate) fn too_many_listeners() -> Self {
        let detail = "As many pages as can be are open already. Close one and try again.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "too-many-listeners", "Too many pages are open", detail)
    }

    pub(crate) fn unknown_kind() -> Self {
        let detail = "There is no such kind of order; the state lists those there are.";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "unknown-kind", "No such kind of order", detail)
    }

    pub(crate) fn unknown_order() -> Self {
        let detail = "An order's id has letters, digits and hyphens.";
        Self::new(StatusCode::NOT_FOUND, "unknown-order", "No such order", detail)
    }

    pub(crate) fn already_placing() -> Self {
        let detail = "A thousand orders are being placed already. Wait until they are.";
        Self::new(StatusCode::CONFLICT, "already-placing", "One thousand at a time", detail)
    }

    pub(crate) fn letter_gone() -> Self {
        let detail = "It is no longer in the dead-letter queue: somebody has sent it back or deleted it.";
        Self::new(StatusCode::NOT_FOUND, "letter-gone", "No such dead letter", detail)
    }

    pub(crate) fn no_such_queue() -> Self {
        let detail = "No dead-letter queue of that name is known, or its queue could not be asked yet.";
        Self::new(StatusCode::NOT_FOUND, "unknown-queue", "No such dead-letter queue", detail)
    }

    pub(crate) fn not_confirmed() -> Self {
        let detail = "To purge deletes all dead letters of the queue, for good: say {\"yes\":true} if that is meant.";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "not-confirmed", "Do you mean it?", detail)
    }

    pub(crate) fn unknown_switch() -> Self {
        let detail = "There is no such switch here. Only `cargo run` has any.";
        Self::new(StatusCode::NOT_FOUND, "unknown-switch", "No such switch", detail)
    }

    pub(crate) fn not_switched(error: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::CONFLICT, "not-switched", "The switch could not be set", format!("{error}."))
    }

    pub(crate) fn internal() -> Self {
        let detail = "The request could not be answered because of a fault on this side. It has been logged.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "A fault of the console", detail)
    }

    /// This occurrence of it, in words.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { status, kind, title, detail, errors } = self;
        let mut body = json!({ "type": kind, "title": title, "status": status.as_u16(), "detail": detail });
        if !errors.is_empty() {
            body["errors"] = errors.into();
        }
        (status, [(header::CONTENT_TYPE, PROBLEM_JSON)], body.to_string()).into_response()
    }
}
