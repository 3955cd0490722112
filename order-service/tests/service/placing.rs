//! `POST /orders`, and what becomes of an order at first.

use std::collections::BTreeSet;

use contracts::{Event, OrderEvent};
use jiff::Timestamp;
use serde_json::{Value, json};
use testbed::{Databases, Queues};
use uuid::Uuid;

use crate::Service;
use crate::answer::Answer;

const EXAMPLE: &str = include_str!("../../../crates/contracts/examples/order.created.v1.json");

fn members(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn an_accepted_order_is_answered_whole_and_found_where_the_answer_says() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let answer = service.post(r#"{"userId":"dev-user","total":42.00}"#).await;

    let id = answer.accepted();
    assert_eq!(answer.header("location"), Some(&*format!("/orders/{id}")));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("idempotent-replayed"), None);
    assert_eq!(answer.total(), "42.00");
    let order = answer.json();
    assert_eq!(Uuid::try_parse(&id).unwrap().get_version_num(), 7);
    let created_at = order["createdAt"].as_str().unwrap();
    assert!(created_at.ends_with('Z') && created_at.parse::<Timestamp>().is_ok(), "{created_at}");
    let expected = json!({
        "orderId": id, "userId": "dev-user", "total": 42.0, "currency": "USD", "status": "PENDING",
        "createdAt": created_at, "updatedAt": created_at,
    });
    assert_eq!(order, expected);

    let found = service.get(answer.header("location").unwrap()).await;
    assert_eq!((found.status, found.text), (200, answer.text));
    queues.take("orders").await;
    service.stop().await;
    queues.expect_all_empty(&["orders", "orders-dlq", "payments", "payments-dlq"]).await;
}

#[tokio::test]
async fn every_total_is_taken_and_told_to_the_cent() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    for (given, answered, amount) in [
        ("0.01", "0.01", 1),
        ("0.29", "0.29", 29),
        ("1.15", "1.15", 115),
        ("4.2e1", "42.00", 4_200),
        ("4200E-2", "42.00", 4_200),
        ("42.000", "42.00", 4_200),
        ("8.1", "8.10", 810),
        ("999999.99", "999999.99", 99_999_999),
        ("1000000", "1000000.00", 100_000_000),
    ] {
        let answer = service.post(&format!(r#"{{"userId":"dev-user","total":{given}}}"#)).await;
        let id = answer.accepted();
        assert_eq!(answer.total(), answered, "{given} posted");
        assert_eq!(service.get(&format!("/orders/{id}")).await.total(), answered, "{given} read");
        let event: Value = serde_json::from_str(&queues.take("orders").await.body).unwrap();
        assert_eq!(event["data"]["amount"], json!(amount), "{given} told");
    }
    service.stop().await;
    queues.expect_empty("orders").await;
}

#[tokio::test]
async fn the_payment_service_is_told_in_the_words_of_the_contract() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let order = service.post(r#"{"userId":"Zoë \"Z\" / 東","total":1.15,"currency":"EUR"}"#).await.json();
    let id = order["orderId"].as_str().unwrap();
    assert_eq!((&order["currency"], &order["userId"]), (&json!("EUR"), &json!("Zoë \"Z\" / 東")));

    let message = queues.take("orders").await;
    let event: Value = serde_json::from_str(&message.body).unwrap();
    let example: Value = serde_json::from_str(EXAMPLE).unwrap();
    assert_eq!(members(&event), members(&example));
    for same in ["specversion", "source", "type", "datacontenttype"] {
        assert_eq!(event[same], example[same], "{same}");
    }
    assert_eq!(event["subject"], id);
    assert_eq!(event["data"], json!({ "orderId": id, "userId": order["userId"], "amount": 115, "currency": "EUR" }));
    let read = Event::<OrderEvent>::decode(&message.body).unwrap();
    assert_eq!(read.id.get_version_num(), 7);
    // The same instant, however many zeros it is written with.
    assert_eq!(read.time, order["createdAt"].as_str().unwrap().parse::<Timestamp>().unwrap());
    service.stop().await;
    queues.expect_empty("orders").await;
}

#[tokio::test]
async fn the_event_continues_the_trace_of_the_request() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let order = r#"{"userId":"dev-user","total":42.00}"#;
    let (trace, span) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let mut traces = Vec::new();
    for traceparent in [format!("00-{trace}-{span}-01"), "not a traceparent".to_owned(), String::new()] {
        let request = service.posting(order);
        let request = if traceparent.is_empty() { request } else { request.header("traceparent", traceparent) };
        Answer::to(request).await.accepted();
        let told = queues.take("orders").await.attributes.remove("traceparent").unwrap();
        let fields: Vec<String> = told.split('-').map(str::to_owned).collect();
        assert_eq!((&*fields[0], fields[2].len(), &*fields[3]), ("00", 16, "01"), "{told}");
        assert_ne!(fields[2], span, "a span of its own");
        traces.push(fields[1].clone());
    }
    assert_eq!(traces[0], trace);
    // Without a usable one, each request begins a trace.
    assert!(traces[1].len() == 32 && traces[1] != traces[2] && !traces[1..].contains(&trace.to_owned()), "{traces:?}");
    service.stop().await;
    queues.expect_empty("orders").await;
}

#[tokio::test]
async fn json_is_json_whatever_its_media_types_spelling() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let order = " {\n\t\"total\" : 42 , \"userId\" : \"dev\\u002duser\" }\r\n";
    for media_type in ["application/json", "application/json; charset=utf-8", "Application/JSON"] {
        let request = service.request(reqwest::Method::POST, "/orders").header("content-type", media_type);
        let answer = Answer::to(request.body(order)).await;
        answer.accepted();
        assert_eq!((&answer.json()["userId"], answer.total()), (&json!("dev-user"), "42.00"), "{media_type}");
        queues.take("orders").await;
    }
    service.stop().await;
    queues.expect_empty("orders").await;
}
