//! Bodies: from untrusted bytes to a [`NewOrder`], or to every fault there is.

use std::time::Duration;

use axum::body::{Bytes, HttpBody, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::header;
use contracts::Currency;
use http_body_util::LengthLimitError;
use mime::Mime;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::problem::{FieldFault, Problem};
use super::shortened;
use crate::order::{NewOrder, UserId};
use crate::total::OrderTotal;

/// The largest body, in bytes.
pub(super) const MAX_BYTES: usize = 64 * 1024;
const TIMEOUT: Duration = Duration::from_secs(30);
/// More faults than this help nobody, and would make an answer that is longer than the body.
pub(super) const MAX_FAULTS: usize = 20;

/// An order as the client asked for it.
pub(crate) struct OrderBody(pub(crate) NewOrder);

impl<S: Sync> FromRequest<S> for OrderBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        parse(&read(request).await?).map(Self)
    }
}

/// Whether there is nothing to read.
pub(super) fn is_none(request: &Request) -> bool {
    request.body().is_end_stream()
}

/// Reads a body that says that it is JSON, up to the limits.
pub(super) async fn read(request: Request) -> Result<Bytes, Problem> {
    if !is_json(&request) {
        return Err(Problem::unsupported_media_type());
    }
    let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > MAX_BYTES as u64) {
        return Err(Problem::body_too_large(MAX_BYTES));
    }
    let body = tokio::time::timeout(TIMEOUT, to_bytes(request.into_body(), MAX_BYTES)).await;
    body.map_err(|_| Problem::body_too_slow(TIMEOUT))?.map_err(|error| {
        let too_large = error.into_inner().is::<LengthLimitError>();
        if too_large { Problem::body_too_large(MAX_BYTES) } else { Problem::body_broken() }
    })
}

fn is_json(request: &Request) -> bool {
    let media_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = media_type.and_then(|value| value.parse::<Mime>().ok());
    media_type.is_some_and(|media_type| {
        let is_json = media_type.subtype() == mime::JSON || media_type.suffix() == Some(mime::JSON);
        media_type.type_() == mime::APPLICATION && is_json
    })
}

/// The JSON that a body is.
pub(super) fn json(body: &[u8]) -> Result<&RawValue, Problem> {
    let text = std::str::from_utf8(body).map_err(|_| Problem::not_json("The body is not UTF-8 text."))?;
    serde_json::from_str(text).map_err(|error| {
        Problem::not_json(format!("Reading stopped at line {}, column {}.", error.line(), error.column()))
    })
}

fn parse(body: &[u8]) -> Result<NewOrder, Problem> {
    let value = json(body)?;
    let mut faults = Faults::default();
    let Ok(Members(members)) = serde_json::from_str(value.get()) else {
        faults.add("", "must be an object with userId and total");
        return Err(Problem::invalid_order(faults));
    };
    // The first of each name counts; every further one is a fault.
    let [mut user_id_json, mut total_json, mut currency_json] = [None; 3];
    for (name, value) in &members {
        let place = match name.as_str() {
            "userId" => &mut user_id_json,
            "total" => &mut total_json,
            "currency" => &mut currency_json,
            _ => {
                faults.add(&pointer(name), "is not a field of an order");
                continue;
            }
        };
        if place.is_some() {
            faults.add(&pointer(name), "is given more than once");
        } else {
            *place = Some(value.get());
        }
    }
    let user_id = faults.required(user_id_json, "/userId", user_id);
    let total = faults.required(total_json, "/total", total);
    let currency = match currency_json {
        None => Some(Currency::USD),
        given => faults.required(given, "/currency", currency),
    };
    match (user_id, total, currency) {
        (Some(user_id), Some(total), Some(currency)) if faults.is_empty() => Ok(NewOrder { user_id, total, currency }),
        _ => Err(Problem::invalid_order(faults)),
    }
}

/// What is wrong with a body: the first faults, and how many there are.
#[derive(Default)]
pub(super) struct Faults {
    pub(super) first: Vec<FieldFault>,
    pub(super) count: usize,
}

impl Faults {
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn add(&mut self, pointer: &str, detail: &str) {
        self.count += 1;
        if self.first.len() < MAX_FAULTS {
            self.first.push(FieldFault { pointer: pointer.to_owned(), detail: detail.to_owned() });
        }
    }

    fn required<T>(
        &mut self,
        value: Option<&str>,
        pointer: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        match value.map(parse) {
            Some(Ok(value)) => return Some(value),
            Some(Err(detail)) => self.add(pointer, &detail),
            None => self.add(pointer, "is missing"),
        }
        None
    }
}

/// A member's JSON Pointer (RFC 6901).
pub(super) fn pointer(name: &str) -> String {
    shortened(&format!("/{}", name.replace('~', "~0").replace('/', "~1")))
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

/// A JSON string.
pub(super) fn string(json: &str) -> Result<String, String> {
    serde_json::from_str(json).map_err(|_| "must be a text".to_owned())
}

/// A JSON object's members as they stand there: numbers keep their digits, and a name given twice is seen.
pub(super) struct Members<'a>(pub(super) Vec<(String, &'a RawValue)>);

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
    use axum::http::Request;
    use proptest::prelude::*;

    #[test]
    fn json_is_any_media_type_that_says_so() {
        let is_json = |media_type: &str| {
            is_json(&Request::builder().header("content-type", media_type).body(axum::body::Body::empty()).unwrap())
        };
        for media_type in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/json;charset=\"utf-8\"",
            "application/vnd.shop+json",
        ] {
            assert!(is_json(media_type), "{media_type}");
        }
        for media_type in ["", "json", "text/json", "application/jsonp", "application/x-www-form-urlencoded", "*/*"] {
            assert!(!is_json(media_type), "{media_type}");
        }
    }

    proptest! {
        #[test]
        fn no_body_whatever_makes_the_parser_panic(body: Vec<u8>, text in "\\PC*", fields in "[\\[\\]{}\":,a-z0-9.eE+-]*") {
            let _ = parse(&body);
            let _ = parse(text.as_bytes());
            let _ = parse(fields.as_bytes());
        }
    }
}
