//! What results of payments do to orders.

use jiff::Timestamp;
use serde_json::{Value, json};
use testbed::{Databases, Queues};

use crate::events::{declined, send, succeeded, told};
use crate::{Service, settings};

/// Checks that `body` is dead-lettered with that failure type, whole, and changes nothing; returns the reason.
async fn expect_dead_letter(service: &Service, queues: &Queues, body: &str, failure_type: &str) -> String {
    let before = service.get("/orders").await.text;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let id = send(queues, "payments", body, &[("traceparent", trace), ("origin", "test")]).await;
    let mut letter = queues.take("payments-dlq").await;
    assert_eq!(letter.body, body);
    let reason = letter.attributes.remove("failure-reason").unwrap();
    assert!(!reason.is_empty());
    let expected = [
        ("failure-type", failure_type),
        ("origin", "test"),
        ("receive-count", "1"),
        ("source-message-id", &id),
        ("traceparent", trace),
    ];
    let attributes = letter.attributes.iter().map(|(name, value)| (&**name, &**value));
    assert_eq!(attributes.collect::<Vec<_>>(), expected, "{body}");
    queues.expect_all_empty(&["payments", "payments-dlq"]).await;
    assert_eq!(service.get("/orders").await.text, before, "{body}");
    reason
}

async fn expect_end(service: Service, queues: &Queues, orders: &[String]) {
    told(queues, orders).await;
    service.stop().await;
    queues.expect_all_empty(&["orders", "orders-dlq", "payments", "payments-dlq"]).await;
}

#[tokio::test]
async fn a_charged_order_is_paid_and_a_refused_one_declined() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let (paid, refused, other) = (service.place().await, service.place().await, service.place().await);
    let before = service.order(&paid).await;
    send(&queues, "payments", &succeeded(&paid, 4200).to_string(), &[]).await;
    send(&queues, "payments", &declined(&refused, 4200).to_string(), &[]).await;
    service.wait_for_status(&paid, "PAID").await;
    service.wait_for_status(&refused, "DECLINED").await;

    let mut after = service.order(&paid).await;
    let time = |order: &Value, field: &str| order[field].as_str().unwrap().parse::<Timestamp>().unwrap();
    assert!(time(&after, "updatedAt") >= time(&before, "updatedAt"));
    after["updatedAt"] = before["updatedAt"].clone();
    after["status"] = json!("PENDING");
    assert_eq!(after, before, "nothing else has changed");
    assert_eq!(service.order(&other).await["status"], "PENDING");
    expect_end(service, &queues, &[paid, refused, other]).await;
}

#[tokio::test]
async fn results_that_come_twice_late_and_in_another_order_settle_each_order() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let mut orders = Vec::new();
    for _ in 0..20 {
        orders.push(service.place().await);
    }
    queues.unkind("seed=1,duplicates=0.5,reordered=0.5,late=0.2");
    for order in &orders {
        send(&queues, "payments", &succeeded(order, 4200).to_string(), &[]).await;
    }
    for order in &orders {
        service.wait_for_status(order, "PAID").await;
    }
    // Late copies are taken as well.
    queues.expect_empty("payments").await;
    expect_end(service, &queues, &orders).await;
}

#[tokio::test]
async fn a_result_that_comes_again_does_no_harm() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let (paid, refused) = (service.place().await, service.place().await);
    send(&queues, "payments", &succeeded(&paid, 4200).to_string(), &[]).await;
    send(&queues, "payments", &declined(&refused, 4200).to_string(), &[]).await;
    service.wait_for_status(&paid, "PAID").await;
    service.wait_for_status(&refused, "DECLINED").await;
    let before = service.get("/orders").await.text;
    for _ in 0..3 {
        // A field of a later version is none of this reader's business.
        let mut newer = succeeded(&paid, 4200);
        newer["data"]["cardBrand"] = json!("X");
        send(&queues, "payments", &newer.to_string(), &[]).await;
        send(&queues, "payments", &declined(&refused, 4200).to_string(), &[]).await;
    }
    queues.expect_all_empty(&["payments", "payments-dlq"]).await;
    assert_eq!(service.get("/orders").await.text, before);
    expect_end(service, &queues, &[paid, refused]).await;
}

#[tokio::test]
async fn a_final_status_stays_and_the_result_that_contradicts_it_is_dead_lettered() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let (paid, refused) = (service.place().await, service.place().await);
    send(&queues, "payments", &succeeded(&paid, 4200).to_string(), &[]).await;
    send(&queues, "payments", &declined(&refused, 4200).to_string(), &[]).await;
    service.wait_for_status(&paid, "PAID").await;
    service.wait_for_status(&refused, "DECLINED").await;

    let late = declined(&paid, 4200).to_string();
    let reason = expect_dead_letter(&service, &queues, &late, "contradicting-result").await;
    assert!(reason.contains("PAID"), "{reason}");
    let late = succeeded(&refused, 4200).to_string();
    let reason = expect_dead_letter(&service, &queues, &late, "contradicting-result").await;
    assert!(reason.contains("DECLINED"), "{reason}");
    expect_end(service, &queues, &[paid, refused]).await;
}

#[tokio::test]
async fn a_result_about_another_amount_or_currency_changes_nothing() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let order = service.place().await;
    let mut euros = succeeded(&order, 4200);
    euros["data"]["currency"] = json!("EUR");
    for other in [succeeded(&order, 4201), declined(&order, 42), euros] {
        expect_dead_letter(&service, &queues, &other.to_string(), "amount-mismatch").await;
    }
    // The right one still counts, and a wrong one does not after it either.
    send(&queues, "payments", &succeeded(&order, 4200).to_string(), &[]).await;
    service.wait_for_status(&order, "PAID").await;
    expect_dead_letter(&service, &queues, &succeeded(&order, 4201).to_string(), "amount-mismatch").await;
    expect_end(service, &queues, &[order]).await;
}

#[tokio::test]
async fn a_result_of_an_order_that_is_not_there_is_dead_lettered() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let order = service.place().await;
    let nobodys = "019c1a52-7e3f-7b10-8a43-5b8a0f6c2d11";
    expect_dead_letter(&service, &queues, &succeeded(nobodys, 4200).to_string(), "unknown-order").await;
    expect_dead_letter(&service, &queues, &declined(nobodys, 4200).to_string(), "unknown-order").await;
    expect_end(service, &queues, &[order]).await;
}

#[tokio::test]
async fn what_cannot_be_understood_is_dead_lettered_and_never_guessed_at() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let order = service.place().await;
    let altered = |member: &str, value: Value| {
        let mut event = succeeded(&order, 4200);
        event[member] = value;
        event.to_string()
    };
    let data = |member: &str, value: Value| {
        let mut event = succeeded(&order, 4200);
        event["data"][member] = value;
        event.to_string()
    };
    for (body, failure_type) in [
        ("not json: card 4111-1111".to_owned(), "undecodable"),
        ("{}".to_owned(), "undecodable"),
        (succeeded(&order, 4200).to_string()[1..].to_owned(), "undecodable"),
        (data("amount", json!("4200")), "undecodable"),
        (data("amount", json!(42.5)), "undecodable"),
        (data("paymentId", json!("p-1")), "undecodable"),
        (data("currency", json!("usd")), "undecodable"),
        (altered("subject", json!("019c1a52-7e3f-7b10-8a43-5b8a0f6c2d11")), "undecodable"),
        (altered("type", json!("payment.succeeded.v2")), "unknown-type"),
        (altered("type", json!("order.created.v1")), "unknown-type"),
        (altered("specversion", json!("0.3")), "unknown-type"),
    ] {
        let reason = expect_dead_letter(&service, &queues, &body, failure_type).await;
        assert!(!reason.contains("4111"), "{reason}");
    }
    expect_end(service, &queues, &[order]).await;
}

#[tokio::test]
async fn results_wait_for_a_service_that_is_away() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let url = databases.create_url().await;
    let service = Service::with(&queues.sqs, settings(&queues, &url)).await;
    let mut orders = Vec::new();
    for _ in 0..25 {
        orders.push(service.place().await);
    }
    told(&queues, &orders).await;
    service.stop().await;
    for order in &orders {
        send(&queues, "payments", &succeeded(order, 4200).to_string(), &[]).await;
    }
    let service = Service::with(&queues.sqs, settings(&queues, &url)).await;
    for order in &orders {
        service.wait_for_status(order, "PAID").await;
    }
    service.stop().await;
    queues.expect_all_empty(&["orders", "orders-dlq", "payments", "payments-dlq"]).await;
}
