//! How the API's values are described: from the very constants that decide what is taken.

use contracts::Currency;
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};

use super::{idempotency_key, query};
use crate::cancellation::Reason;
use crate::order::{OrderStatus, UserId};
use crate::store::KEYS_KEPT_DAYS;
use crate::total::OrderTotal;

const NO_CONTROL_CHARACTERS: &str = r"^[^\u0000-\u001f\u007f-\u009f]*$";
const ORDER_ID: &str = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$";

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

pub(super) fn user_id() -> ObjectBuilder {
    text()
        .min_length(Some(1))
        .max_length(Some(UserId::MAX_CHARACTERS))
        .pattern(Some(NO_CONTROL_CHARACTERS))
        .description(Some("Who orders; no control characters."))
}

pub(super) fn total() -> ObjectBuilder {
    let (max, hundredth) = (OrderTotal::MAX.minor_units() / 100, 0.01);
    ObjectBuilder::new()
        .schema_type(Type::Number)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Double)))
        .exclusive_minimum(Some(0))
        .maximum(Some(max))
        .multiple_of(Some(hundredth))
        .description(Some("What is to be paid, with at most two decimals."))
}

pub(super) fn currency() -> ObjectBuilder {
    text()
        .enum_values(Some(Currency::all()))
        .default(Some(Currency::USD.as_str().into()))
        .description(Some("ISO 4217; only currencies whose minor unit is a hundredth."))
}

pub(super) fn reason() -> ObjectBuilder {
    text()
        .min_length(Some(1))
        .max_length(Some(Reason::MAX_CHARACTERS))
        .pattern(Some(NO_CONTROL_CHARACTERS))
        .description(Some("Why; no control characters."))
}

pub(super) fn status() -> ObjectBuilder {
    text().enum_values(Some(OrderStatus::names())).description(Some(
        "How far the order is. `PENDING` and `CANCELLING` end by themselves; `PAID` stays unless the order is taken back, \
         and the others are final. A later version may know more of them.",
    ))
}

fn limit() -> ObjectBuilder {
    let (min, max, default) = (*query::LIMITS.start(), *query::LIMITS.end(), query::DEFAULT_LIMIT);
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(min)).maximum(Some(max)).default(Some(default.into()))
}

fn order_id() -> ObjectBuilder {
    text().pattern(Some(ORDER_ID))
}

/// The query of `GET /orders`, which [`ListQuery`](query::ListQuery) reads.
pub(super) struct ListParameters;

impl IntoParams for ListParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        [
            ("userId", "Only those of this user", user_id()),
            ("status", "Only those in this status", status()),
            ("limit", "At most so many", limit()),
            ("after", "The next of the page before", order_id()),
        ]
        .map(|(name, description, schema)| optional(ParameterIn::Query, name, description, schema))
        .into()
    }
}

/// The header that [`IdempotencyKey`](idempotency_key::IdempotencyKey) reads.
pub(super) struct KeyParameter;

impl IntoParams for KeyParameter {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let longest = idempotency_key::MAX_CHARACTERS;
        let description = format!(
            "Makes the request safe to send again: up to {longest} characters, bare or as a quoted string. \
             Kept for {KEYS_KEPT_DAYS} days."
        );
        let (bare, quoted) = (r"[!#-~][!-~]", r#"[ !#-\[\]-~]|\\["\\]"#);
        let pattern = format!(r#"^({bare}{{0,{}}}|"({quoted}){{1,{longest}}}")$"#, longest - 1);
        vec![optional(ParameterIn::Header, "Idempotency-Key", &description, text().pattern(Some(pattern)))]
    }
}

fn optional(place: ParameterIn, name: &str, description: &str, schema: ObjectBuilder) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}
