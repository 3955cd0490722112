//! Errors as people and programs get them: RFC 9457 `application/problem+json`.

use std::borrow::Cow;
use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chassis::printable::escaped;
use serde::Serialize;
use utoipa::ToSchema;

use super::body::Faults;
use super::edge::Told;
use super::{idempotency_key, shortened};
use crate::order::OrderStatus;

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// What went wrong, to what, and what to do about it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "type": "urn:problem-type:invalid-order",
    "title": "The order cannot be accepted",
    "status": 422,
    "detail": "1 of its fields cannot be used; errors names each.",
    "errors": [{ "pointer": "/total", "detail": "must be greater than 0" }]
})))]
pub(crate) struct Problem {
    /// Identifies the kind of problem.
    #[serde(rename = "type")]
    kind: Cow<'static, str>,
    /// The kind of problem, in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// This occurrence of it, in words.
    detail: Cow<'static, str>,
    /// One entry per unusable field of the request body; of many the first 20.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldFault>,
    #[serde(skip)]
    retry_after: Option<u32>,
}

/// What is wrong with one field of a request body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FieldFault {
    /// The field, as a JSON Pointer (RFC 6901).
    pub(crate) pointer: String,
    /// What is wrong with it.
    pub(crate) detail: String,
}

impl Problem {
    fn new(status: StatusCode, kind: &str, title: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind: format!("urn:problem-type:{kind}").into(),
            title,
            status: status.as_u16(),
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
        }
    }

    pub(crate) fn not_json(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "not-json", "The body is not JSON", detail)
    }

    pub(crate) fn bad_parameter(name: &str, detail: impl std::fmt::Display) -> Self {
        let detail = format!("{}: {detail}.", escaped(&shortened(name)));
        Self::new(StatusCode::BAD_REQUEST, "unusable-parameter", "A query parameter cannot be used", detail)
    }

    pub(crate) fn bad_idempotency_key() -> Self {
        let detail = format!(
            "Idempotency-Key must be given once: 1 to {} visible ASCII characters, bare or as a quoted string.",
            idempotency_key::MAX_CHARACTERS
        );
        Self::new(StatusCode::BAD_REQUEST, "unusable-idempotency-key", "The idempotency key cannot be used", detail)
    }

    pub(crate) fn idempotency_key_reused() -> Self {
        let detail = "This Idempotency-Key has already been used for another request. Use a new key for a new request.";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused", "The idempotency key is taken", detail)
    }

    pub(crate) fn invalid_order(faults: Faults) -> Self {
        Self::unusable_fields("invalid-order", "The order cannot be accepted", faults)
    }

    pub(crate) fn invalid_cancellation(faults: Faults) -> Self {
        Self::unusable_fields("invalid-cancellation", "The cancellation cannot be accepted", faults)
    }

    fn unusable_fields(kind: &str, title: &'static str, Faults { first, count }: Faults) -> Self {
        let detail = match (count, first.len()) {
            (1, _) => "1 of its fields cannot be used; errors names it.".to_owned(),
            (_, named) if named < count => {
                format!("{count} of its fields cannot be used; errors names the first {named}.")
            }
            _ => format!("{count} of its fields cannot be used; errors names each."),
        };
        Self { errors: first, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, kind, title, detail) }
    }

    pub(crate) fn not_cancellable(status: &OrderStatus) -> Self {
        let detail: Cow<'static, str> = match status {
            OrderStatus::Declined => "The order has been declined. Nothing was charged, and nothing will be.".into(),
            status => {
                format!("The order is {status}, in which this version does not take it back. Try again later.").into()
            }
        };
        Self::new(StatusCode::CONFLICT, "not-cancellable", "The order cannot be taken back", detail)
    }

    pub(crate) fn unknown_order(id: &str) -> Self {
        let detail = format!("There is no order {:?}.", shortened(id));
        Self::new(StatusCode::NOT_FOUND, "unknown-order", "No such order", detail)
    }

    pub(crate) fn unknown_path() -> Self {
        let detail = "There is nothing at this path. GET /docs shows what there is.";
        Self::new(StatusCode::NOT_FOUND, "unknown-path", "No such path", detail)
    }

    pub(crate) fn method_not_allowed() -> Self {
        let detail = "This path does not have that method. The header Allow names those it has.";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "No such method here", detail)
    }

    pub(crate) fn unsupported_media_type() -> Self {
        let detail = "The body must be JSON, sent with Content-Type: application/json.";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "Not a JSON body", detail)
    }

    pub(crate) fn body_too_large(limit: usize) -> Self {
        let detail = format!("The body must not be larger than {} KiB.", limit / 1024);
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", "The body is too large", detail)
    }

    pub(crate) fn body_too_slow(limit: Duration) -> Self {
        let detail = format!("The body did not arrive within {} s.", limit.as_secs());
        Self::new(StatusCode::REQUEST_TIMEOUT, "body-too-slow", "The body came too slowly", detail)
    }

    pub(crate) fn body_broken() -> Self {
        let detail = "The body ended before it was complete.";
        Self::new(StatusCode::BAD_REQUEST, "body-broken", "The body is not complete", detail)
    }

    pub(crate) fn backlog_full() -> Self {
        let detail = "Too much is waiting to be passed on. Nothing was stored; send the request again later.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "Too much to do", detail).retry_after(5)
    }

    pub(crate) fn overloaded() -> Self {
        let detail = "Too many requests are coming at once. Nothing was stored; send this one again later.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "Too much to do", detail).retry_after(1)
    }

    pub(crate) fn too_many_requests(wait_seconds: u64) -> Self {
        let detail = "This client has sent too many requests. Retry-After says when it may send the next one.";
        let seconds = u32::try_from(wait_seconds).unwrap_or(u32::MAX).max(1);
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", "Too many requests", detail).retry_after(seconds)
    }

    pub(crate) fn unauthenticated() -> Self {
        let detail = "A valid bearer token is needed: Authorization: Bearer, with exp, aud, iss and sub.";
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "Who is calling?", detail)
    }

    pub(crate) fn not_yours() -> Self {
        let detail = "userId must be the sub of the bearer token.";
        Self::new(StatusCode::FORBIDDEN, "not-yours", "Somebody else's orders", detail)
    }

    pub(crate) fn store_unavailable() -> Self {
        let detail = "Orders cannot be stored or read at the moment. Send the request again later; an order with the \
                      same Idempotency-Key is never made twice.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "store-unavailable", "Out of order", detail).retry_after(5)
    }

    pub(crate) fn internal() -> Self {
        let detail = "The request could not be answered because of a fault on this side. It has been logged.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "A fault of the service", detail)
    }

    fn retry_after(self, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_string(&self).unwrap_or_default();
        let mut response = (status, [(header::CONTENT_TYPE, PROBLEM_JSON)], body).into_response();
        response.extensions_mut().insert(Told(self.kind));
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// A failed write: the cause goes to the log, not to the client.
impl From<database::WriteError> for Problem {
    fn from(error: database::WriteError) -> Self {
        tracing::error!(%error, "an order could not be stored");
        Self::store_unavailable()
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        tracing::error!(%error, "orders could not be read");
        Self::store_unavailable()
    }
}
