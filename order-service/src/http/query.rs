//! The query of `GET /orders`.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::problem::Problem;
use crate::order::order_id;
use crate::store::ListOrders;

/// How many orders a page has unless the client says so.
pub(super) const DEFAULT_LIMIT: u32 = 50;
/// How many it may have.
pub(super) const LIMITS: std::ops::RangeInclusive<u32> = 1..=200;

/// Which orders the client wants to see.
pub(crate) struct ListQuery(pub(crate) ListOrders);

impl<S: Sync> FromRequestParts<S> for ListQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parse(parts.uri.query().unwrap_or("")).map(Self)
    }
}

fn parse(query: &str) -> Result<ListOrders, Problem> {
    let mut list = ListOrders { user_id: None, status: None, limit: DEFAULT_LIMIT, after: None };
    let mut seen = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if seen.contains(&name) {
            return Err(Problem::bad_parameter(&name, "is given more than once"));
        }
        match name.as_ref() {
            // Taken for no filter, `userId=` would list everybody's orders.
            "userId" | "status" | "limit" | "after" if value.is_empty() => {
                return Err(Problem::bad_parameter(&name, "must not be empty; leave it out"));
            }
            "userId" => list.user_id = Some(parsed(&name, value.parse())?),
            "status" => list.status = Some(parsed(&name, value.parse())?),
            "limit" => {
                let limit = value.parse().ok().filter(|limit| LIMITS.contains(limit));
                let allowed = || format!("must be a whole number from {} to {}", LIMITS.start(), LIMITS.end());
                list.limit = parsed(&name, limit.ok_or_else(allowed))?;
            }
            "after" => {
                let cursor = order_id(&value).ok_or("must be the next of a page before");
                list.after = Some(parsed(&name, cursor)?);
            }
            _ => {
                let detail = "is not a parameter here; there are userId, status, limit and after";
                return Err(Problem::bad_parameter(&name, detail));
            }
        }
        seen.push(name);
    }
    Ok(list)
}

fn parsed<T, E: std::fmt::Display>(name: &str, result: Result<T, E>) -> Result<T, Problem> {
    result.map_err(|error| Problem::bad_parameter(name, error))
}
