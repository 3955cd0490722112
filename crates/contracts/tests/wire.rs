//! What is on the wire, and what each reader makes of it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail where it stands")]

use contracts::{DecodeError, Event, OrderEvent, Payload, PaymentEvent};
use proptest::prelude::*;
use serde_json::{Value, json};

const ORDER_CREATED: &str = include_str!("../examples/order.created.v1.json");
const ORDER_CANCELLED: &str = include_str!("../examples/order.cancelled.v1.json");
const SUCCEEDED: &str = include_str!("../examples/payment.succeeded.v1.json");
const DECLINED: &str = include_str!("../examples/payment.declined.v1.json");
const CANCELLED: &str = include_str!("../examples/payment.cancelled.v1.json");
const REFUNDED: &str = include_str!("../examples/payment.refunded.v1.json");

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn survives<P: Payload>(example: &str) {
    let event = Event::<P>::decode(example).unwrap();
    assert_eq!(value(&event.encode()), value(example));
}

#[test]
fn every_example_is_read_and_written_unchanged() {
    survives::<OrderEvent>(ORDER_CREATED);
    survives::<PaymentEvent>(SUCCEEDED);
    survives::<OrderEvent>(ORDER_CANCELLED);
    survives::<PaymentEvent>(DECLINED);
    survives::<PaymentEvent>(CANCELLED);
    survives::<PaymentEvent>(REFUNDED);
}

#[test]
fn a_cancellation_without_a_reason_is_one_all_the_same() {
    let mut event = value(ORDER_CANCELLED);
    event["data"].as_object_mut().unwrap().remove("reason");
    survives::<OrderEvent>(&event.to_string());
}

#[test]
fn a_time_has_three_decimals_whatever_they_are() {
    for time in ["2026-01-15T10:00:00.000Z", "2026-01-15T10:00:00.120Z", "2026-01-15T10:00:00.123Z"] {
        let mut event = value(ORDER_CREATED);
        event["time"] = json!(time);
        let read = Event::<OrderEvent>::decode(&event.to_string()).unwrap();
        assert_eq!(value(&read.encode())["time"], time);
    }
}

#[test]
fn an_old_reader_understands_a_writer_that_adds_fields() {
    let mut newer = value(ORDER_CREATED);
    newer["traceid"] = json!("a CloudEvents extension");
    newer["data"]["loyaltyPoints"] = json!(7);
    let read = Event::<OrderEvent>::decode(&newer.to_string()).unwrap();
    assert_eq!(read, Event::decode(ORDER_CREATED).unwrap());
}

#[test]
fn a_type_or_version_that_is_not_known_is_never_guessed_at() {
    for unknown in ["order.created.v2", "order.cancelled.v2", "payment.succeeded.v1"] {
        let mut event = value(ORDER_CREATED);
        event["type"] = json!(unknown);
        let error = Event::<OrderEvent>::decode(&event.to_string()).unwrap_err();
        assert!(matches!(&error, DecodeError::UnknownType(name) if name == unknown), "{error}");
        assert_eq!(error.kind(), "unknown-type");
    }
    let mut event = value(ORDER_CREATED);
    event["specversion"] = json!("0.3");
    let error = Event::<OrderEvent>::decode(&event.to_string()).unwrap_err();
    assert!(matches!(error, DecodeError::UnknownSpecversion(_)));
}

#[test]
fn a_body_that_does_not_fit_its_type_is_refused_with_the_reason() {
    let broken = |path: &[&str], to: Value| {
        let mut event = value(ORDER_CREATED);
        let mut place = &mut event;
        for key in path {
            place = &mut place[*key];
        }
        *place = to;
        Event::<OrderEvent>::decode(&event.to_string()).unwrap_err().to_string()
    };
    assert!(broken(&["data", "amount"], json!("42")).contains("data does not fit"));
    assert!(broken(&["data", "amount"], json!(42.5)).contains("data does not fit"));
    assert!(broken(&["data", "amount"], json!(0)).contains("greater than zero"));
    assert!(broken(&["data", "currency"], json!("dollars")).contains("three capital letters"));
    assert!(broken(&["subject"], json!("019c1a52-0000-7b10-8a43-5b8a0f6c2d11")).contains("differ"));
    assert!(broken(&["specversion"], json!(1)).contains("not a CloudEvent"));
}

#[test]
fn an_order_whose_amount_would_be_read_wrong_is_refused_and_a_result_in_its_currency_is_not() {
    for currency in ["JPY", "KWD", "ZZZ"] {
        let in_it = |event: &str| event.replace("USD", currency);
        let error = Event::<OrderEvent>::decode(&in_it(ORDER_CREATED)).unwrap_err();
        assert!(error.to_string().contains("currency must be"), "{error}");
        // It was charged by an earlier version, and its order waits for the result.
        Event::<PaymentEvent>::decode(&in_it(SUCCEEDED)).unwrap();
    }
}

#[test]
fn a_secret_in_a_malformed_body_is_not_repeated_in_the_reason() {
    let error = Event::<OrderEvent>::decode("card 4111-1111").unwrap_err();
    assert_eq!(error.to_string(), "the body is not a CloudEvent in structured JSON: not JSON (line 1, column 1)");
}

#[test]
fn what_json_allows_and_sqs_does_not_is_escaped_in_the_body() {
    let mut event = Event::<OrderEvent>::decode(ORDER_CREATED).unwrap();
    let OrderEvent::Created(order) = &mut event.payload else { unreachable!("that is the example") };
    order.user_id = "a\u{fffe}b\u{ffff}c".to_owned();
    let body = event.encode();
    assert!(!body.contains(['\u{fffe}', '\u{ffff}']), "{body}");
    assert_eq!(Event::decode(&body).unwrap(), event);
}

proptest! {
    #[test]
    fn no_body_whatever_makes_the_decoder_panic(body in ".*") {
        let _ = Event::<OrderEvent>::decode(&body);
        let _ = Event::<PaymentEvent>::decode(&body);
    }

    #[test]
    fn a_body_cut_short_anywhere_is_refused(cut in 0..ORDER_CREATED.trim_end().len()) {
        prop_assert!(Event::<OrderEvent>::decode(&ORDER_CREATED[..cut]).is_err());
    }
}
