//! The body of `POST /orders`: from untrusted bytes to a [`NewOrder`], or to every fault there is.

use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use contracts::Currency;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::problem::{FieldFault, Problem};
use crate::order::{NewOrder, UserId};
use crate::total::OrderTotal;

const MAX_BYTES: usize = 64 * 1024;
const TIMEOUT: Duration = Duration::from_secs(30);

/// An order as the client asked for it.
pub(crate) struct OrderBody(pub(crate) NewOrder);

impl<S: Sync> FromRequest<S> for OrderBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if !is_json(&request) {
            return Err(Problem::unsupported_media_type());
        }
        let announced =
            request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if announced.is_some_and(|length: u64| length > MAX_BYTES as u64) {
            return Err(Problem::body_too_large(MAX_BYTES));
        }
        let body = tokio::time::timeout(TIMEOUT, to_bytes(request.into_body(), MAX_BYTES)).await;
        let body = body.map_err(|_| Problem::body_too_slow())?.map_err(|error| {
            use std::error::Error;
            let too_large = error.source().is_some_and(|source| source.to_string().contains("length limit"));
            if too_large { Problem::body_too_large(MAX_BYTES) } else { Problem::body_broken() }
        })?;
        parse(&body).map(Self)
    }
}

fn is_json(request: &Request) -> bool {
    let media_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let essence = media_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn parse(body: &[u8]) -> Result<NewOrder, Problem> {
    let text = std::str::from_utf8(body).map_err(|_| Problem::not_json("The body is not UTF-8 text."))?;
    let value: &RawValue = serde_json::from_str(text).map_err(|error| {
        Problem::not_json(format!("Reading stopped at line {}, column {}.", error.line(), error.column()))
    })?;
    let Ok(Members(members)) = serde_json::from_str(value.get()) else {
        return Err(Problem::invalid_order(vec![fault("", "must be an object with userId and total")]));
    };
    let mut faults = Vec::new();
    for (place, (name, _)) in members.iter().enumerate() {
        let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        if !["userId", "total", "currency"].contains(&name.as_str()) {
            let shown: String = pointer.chars().take(64).collect();
            faults.push(fault(&shown, "is not a field of an order"));
        } else if members[..place].iter().any(|(earlier, _)| earlier == name) {
            faults.push(fault(&pointer, "is given more than once"));
        }
    }
    let member = |name: &str| members.iter().find(|(member, _)| member == name).map(|(_, value)| value.get());
    let user_id = required(member("userId"), "/userId", user_id, &mut faults);
    let total = required(member("total"), "/total", total, &mut faults);
    let currency = match member("currency") {
        None => Some(Currency::USD),
        given => required(given, "/currency", currency, &mut faults),
    };
    match (user_id, total, currency) {
        (Some(user_id), Some(total), Some(currency)) if faults.is_empty() => Ok(NewOrder { user_id, total, currency }),
        _ => Err(Problem::invalid_order(faults)),
    }
}

fn required<T>(
    value: Option<&str>,
    pointer: &str,
    parse: impl FnOnce(&str) -> Result<T, String>,
    faults: &mut Vec<FieldFault>,
) -> Option<T> {
    match value.map(parse) {
        Some(Ok(value)) => return Some(value),
        Some(Err(detail)) => faults.push(fault(pointer, &detail)),
        None => faults.push(fault(pointer, "is missing")),
    }
    None
}

fn user_id(json: &str) -> Result<UserId, String> {
    string(json)?.parse::<UserId>().map_err(|error| error.to_string())
}

fn total(json: &str) -> Result<OrderTotal, String> {
    if !json.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
        return Err("must be a number, such as 42.00".to_owned());
    }
    OrderTotal::parse(json).map_err(|error| error.to_string())
}

fn currency(json: &str) -> Result<Currency, String> {
    string(json)?.parse::<Currency>().map_err(|error| error.to_string())
}

fn string(json: &str) -> Result<String, String> {
    serde_json::from_str(json).map_err(|_| "must be a text".to_owned())
}

fn fault(pointer: &str, detail: &str) -> FieldFault {
    FieldFault { pointer: pointer.to_owned(), detail: detail.to_owned() }
}

/// A JSON object's members as they stand there: numbers keep their digits, and a name given twice is seen.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_body_whatever_makes_the_parser_panic(body: Vec<u8>, text in "\\PC*", fields in "[\\[\\]{}\":,a-z0-9.eE+-]*") {
            let _ = parse(&body);
            let _ = parse(text.as_bytes());
            let _ = parse(fields.as_bytes());
        }
    }
}
