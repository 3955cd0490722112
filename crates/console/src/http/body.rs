//! Bodies: small JSON, and a refusal in our words where it is something else.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// What a route wants to be told.
pub(super) trait Wanted: DeserializeOwned {
    /// Such as this.
    const EXAMPLE: &'static str;
}

/// The body of a request.
pub(super) struct Body<T>(pub(super) T);

impl<T: Wanted, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(rejection) => {
                let status = match rejection {
                    JsonRejection::MissingJsonContentType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    JsonRejection::JsonDataError(_) => StatusCode::UNPROCESSABLE_ENTITY,
                    JsonRejection::BytesRejection(rejection) => rejection.status(),
                    _ => StatusCode::BAD_REQUEST,
                };
                Err(Problem::unusable_body(status, T::EXAMPLE))
            }
        }
    }
}
