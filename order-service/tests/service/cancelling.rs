//! `POST /orders/{orderId}/cancel`: what it takes, what it refuses, and how an order that is taken back ends.

use futures::future::join_all;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use testbed::{Databases, Queues, eventually};

use crate::answer::Answer;
use crate::events::{cancelled, declined, refunded, send, succeeded, take_all};
use crate::waiting::woken;
use crate::{Service, settings};

const EXAMPLE: &str = include_str!("../../../crates/contracts/examples/order.cancelled.v1.json");

fn cancelling(service: &Service, order: &str, body: &str) -> RequestBuilder {
    let request = service.request(Method::POST, &format!("/orders/{order}/cancel"));
    if body.is_empty() { request } else { request.header("content-type", "application/json").body(body.to_owned()) }
}

async fn cancel(service: &Service, order: &str, body: &str) -> Answer {
    Answer::to(cancelling(service, order, body)).await
}

async fn cancel_with_key(service: &Service, order: &str, key: &str, body: &str) -> Answer {
    Answer::to(cancelling(service, order, body).header("Idempotency-Key", key)).await
}

/// The same from a client that does not take a 503 for an answer: a database under load may say so.
async fn insist(service: &Service, order: &str, key: Option<&str>) -> Answer {
    eventually("there is an answer", async || {
        let request = cancelling(service, order, "");
        let request = key.iter().fold(request, |request, key| request.header("Idempotency-Key", *key));
        Some(Answer::to(request).await).filter(|answer| answer.status != 503)
    })
    .await
}

/// Checks that `answer` repeats `first`.
fn expect_replay(answer: &Answer, first: &Answer) {
    assert_eq!((answer.status, &answer.text), (202, &first.text), "{answer:?}");
    assert_eq!((first.header("idempotent-replayed"), answer.header("idempotent-replayed")), (None, Some("true")));
}

async fn result(queues: &Queues, event: Value) {
    send(queues, "payments", &event.to_string(), &[]).await;
}

/// Stops the service, and checks that of each order so many messages were told; returns those of the first order.
async fn expect_told(service: Service, queues: &Queues, told: &[(&String, usize)]) -> Vec<Value> {
    service.stop().await;
    let orders: Vec<String> = told.iter().map(|(order, _)| (*order).clone()).collect();
    let mut taken = take_all(queues, &orders).await;
    for (order, count) in told {
        assert_eq!(taken[*order].len(), *count, "{taken:?}");
    }
    queues.expect_all_empty(&["orders", "orders-dlq", "payments", "payments-dlq"]).await;
    taken.remove(told[0].0).unwrap().iter().map(|body| serde_json::from_str(body).unwrap()).collect()
}

fn of_type<'a>(events: &'a [Value], name: &str) -> &'a Value {
    events.iter().find(|event| event["type"] == name).unwrap()
}

#[tokio::test]
async fn a_pending_order_is_taken_back_told_and_ends_cancelled() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let order = service.place().await;
    let before = service.order(&order).await;
    let answer = cancel(&service, &order, r#"{"reason":"ordered twice"}"#).await;
    assert_eq!(answer.accepted(), order);
    assert_eq!(answer.header("location"), Some(&*format!("/orders/{order}")));
    let mut expected = before.clone();
    (expected["status"], expected["updatedAt"]) = (json!("CANCELLING"), answer.json()["updatedAt"].clone());
    assert_eq!((answer.json(), service.order(&order).await), (expected.clone(), expected));

    result(&queues, cancelled(&order, 4200)).await;
    service.wait_for_status(&order, "CANCELLED").await;
    // Again: the order as it is.
    assert_eq!(cancel(&service, &order, "").await.json(), service.order(&order).await);
    let events = expect_told(service, &queues, &[(&order, 2)]).await;
    let told = of_type(&events, "order.cancelled.v1");
    let mut example: Value = serde_json::from_str(EXAMPLE).unwrap();
    (example["id"], example["time"]) = (told["id"].clone(), answer.json()["updatedAt"].clone());
    (example["subject"], example["data"]["orderId"]) = (json!(order), json!(order));
    example["data"]["reason"] = json!("ordered twice");
    (example["data"]["userId"], example["data"]["amount"]) = (json!("dev-user"), json!(4200));
    assert_eq!(told, &example);
}

#[tokio::test]
async fn a_paid_order_is_taken_back_and_ends_refunded() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let order = service.place().await;
    result(&queues, succeeded(&order, 4200)).await;
    service.wait_for_status(&order, "PAID").await;
    assert_eq!(cancel(&service, &order, "").await.json()["status"], "CANCELLING");
    // Once more is no second cancellation.
    assert_eq!(cancel(&service, &order, r#"{"reason":"still"}"#).await.json()["status"], "CANCELLING");
    result(&queues, refunded(&order, 4200)).await;
    service.wait_for_status(&order, "REFUNDED").await;
    let counted =
        ["PENDING", "PAID", "CANCELLING", "REFUNDED"].map(|status| format!("orders_total{{status=\"{status}\"}} 1\n"));
    let metrics = eventually("each status is counted once", async || {
        let metrics = service.get_admin("/metrics").await.text;
        counted.iter().all(|line| metrics.contains(line)).then_some(metrics)
    })
    .await;
    assert!(metrics.contains("order_completion_seconds_count 1\n"), "its payment, not its refund: {metrics}");
    let events = expect_told(service, &queues, &[(&order, 2)]).await;
    assert!(of_type(&events, "order.cancelled.v1")["data"].get("reason").is_none(), "none was given");
}

#[tokio::test]
async fn a_result_that_comes_while_an_order_is_being_taken_back_does_not_end_that() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let [paid, refused] = [service.place().await, service.place().await];
    for order in [&paid, &refused] {
        cancel(&service, order, "").await.accepted();
    }
    result(&queues, succeeded(&paid, 4200)).await;
    result(&queues, declined(&refused, 4200)).await;
    queues.expect_all_empty(&["payments", "payments-dlq"]).await;
    for order in [&paid, &refused] {
        assert_eq!(service.order(order).await["status"], "CANCELLING");
    }
    result(&queues, refunded(&paid, 4200)).await;
    result(&queues, cancelled(&refused, 4200)).await;
    service.wait_for_status(&paid, "REFUNDED").await;
    service.wait_for_status(&refused, "CANCELLED").await;
    // All of them again, and late.
    let all = [succeeded(&paid, 4200), refunded(&paid, 4200), declined(&refused, 4200), cancelled(&refused, 4200)];
    for event in all {
        result(&queues, event).await;
    }
    queues.expect_all_empty(&["payments", "payments-dlq"]).await;
    assert_eq!(service.order(&paid).await["status"], "REFUNDED");
    assert_eq!(service.order(&refused).await["status"], "CANCELLED");
    expect_told(service, &queues, &[(&paid, 2), (&refused, 2)]).await;
}

#[tokio::test]
async fn a_result_that_contradicts_its_order_is_dead_lettered() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let [pending, cancelled_one, refunded_one] = [service.place().await, service.place().await, service.place().await];
    for order in [&cancelled_one, &refunded_one] {
        cancel(&service, order, "").await.accepted();
    }
    result(&queues, cancelled(&cancelled_one, 4200)).await;
    result(&queues, refunded(&refunded_one, 4200)).await;
    service.wait_for_status(&cancelled_one, "CANCELLED").await;
    service.wait_for_status(&refunded_one, "REFUNDED").await;
    let before = service.get("/orders").await.text;
    for event in [
        cancelled(&pending, 4200),
        refunded(&pending, 4200),
        refunded(&cancelled_one, 4200),
        succeeded(&cancelled_one, 4200),
        cancelled(&refunded_one, 4200),
        declined(&refunded_one, 4200),
    ] {
        result(&queues, event.clone()).await;
        let letter = queues.take("payments-dlq").await;
        assert_eq!(letter.attributes["failure-type"], "contradicting-result", "{event}");
    }
    assert_eq!(service.get("/orders").await.text, before);
    expect_told(service, &queues, &[(&pending, 1), (&cancelled_one, 2), (&refunded_one, 2)]).await;
}

#[tokio::test]
async fn who_waits_for_an_order_waits_for_the_end_of_its_cancellation() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let order = service.place().await;
    let waiting = Answer::to(service.request(Method::GET, &format!("/orders/{order}")).header("Prefer", "wait=30"));
    let events = async {
        cancel(&service, &order, "").await.accepted();
        result(&queues, succeeded(&order, 4200)).await;
        queues.expect_empty("payments").await;
        result(&queues, refunded(&order, 4200)).await;
    };
    let (answer, ()) = tokio::join!(woken(waiting), events);
    assert_eq!(answer.json()["status"], "REFUNDED");
    expect_told(service, &queues, &[(&order, 2)]).await;
}

#[tokio::test]
async fn what_cannot_be_taken_back_is_refused_in_our_words() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let url = databases.create_url().await;
    let service = Service::with(&queues.sqs, settings(&queues, &url)).await;
    let [refused, usual] = [service.place().await, service.place().await];
    result(&queues, declined(&refused, 4200)).await;
    service.wait_for_status(&refused, "DECLINED").await;
    let problem = cancel(&service, &refused, "").await.problem(409);
    assert_eq!(problem["type"], "urn:problem-type:not-cancellable");
    assert!(problem["detail"].as_str().unwrap().contains("declined"), "{problem}");
    // A refused request does not use up its key.
    cancel_with_key(&service, &refused, "k-1", "").await.problem(409);
    cancel_with_key(&service, &usual, "k-1", "").await.accepted();
    for nothing in ["019c1a52-7e3f-7b10-8a43-5b8a0f6c2d11", "1", "%ff", "019c1a527e3f7b108a435b8a0f6c2d11"] {
        cancel(&service, nothing, "").await.problem(404);
    }
    service.get(&format!("/orders/{usual}/cancel")).await.problem(405);
    expect_told(service, &queues, &[(&usual, 2), (&refused, 1)]).await;
}

#[tokio::test]
async fn a_body_need_not_be_there_and_otherwise_holds_a_reason_or_nothing() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let order = service.place().await;
    let long = |characters| json!({ "reason": "ü".repeat(characters) }).to_string();
    for (body, status, pointer) in [
        (r#"{"reason":""}"#, 422, "/reason"),
        (r#"{"reason":7}"#, 422, "/reason"),
        (r#"{"reason":null}"#, 422, "/reason"),
        (r#"{"reason":"a\nb"}"#, 422, "/reason"),
        (&long(201), 422, "/reason"),
        (r#"{"reason":"a","reason":"b"}"#, 422, "/reason"),
        (r#"{"why":"a"}"#, 422, "/why"),
        ("[]", 422, ""),
        ("null", 422, ""),
        ("{", 400, ""),
    ] {
        let problem = cancel(&service, &order, body).await.problem(status);
        if status == 422 {
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
            assert_eq!(problem["type"], "urn:problem-type:invalid-cancellation");
        }
    }
    let text = service.request(Method::POST, &format!("/orders/{order}/cancel")).body("because");
    Answer::to(text).await.problem(415);
    cancel(&service, &order, &format!(r#"{{"reason":"{}"}}"#, "x".repeat(65 * 1024))).await.problem(413);
    assert_eq!(service.order(&order).await["status"], "PENDING");

    let [empty, object, longest] = [service.place().await, service.place().await, service.place().await];
    let said_json = cancelling(&service, &empty, "").header("content-type", "application/json");
    Answer::to(said_json).await.accepted();
    cancel(&service, &object, "{}").await.accepted();
    cancel(&service, &longest, &long(200)).await.accepted();
    expect_told(service, &queues, &[(&order, 1), (&empty, 2), (&object, 2), (&longest, 2)]).await;
}

#[tokio::test]
async fn with_a_key_the_same_request_again_is_answered_as_the_first_time() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let placed = service.post_with_key("placing", r#"{"userId":"dev-user","total":42.00}"#).await;
    let (order, other) = (placed.accepted(), service.place().await);
    let reason = r#"{"reason":"ordered twice"}"#;
    let first = cancel_with_key(&service, &order, "k-1", reason).await;
    assert_eq!(first.json()["status"], "CANCELLING");
    expect_replay(&cancel_with_key(&service, &order, "k-1", r#"{ "reason" : "ordered\u0020twice" }"#).await, &first);
    result(&queues, cancelled(&order, 4200)).await;
    service.wait_for_status(&order, "CANCELLED").await;
    expect_replay(&cancel_with_key(&service, &order, "k-1", reason).await, &first);
    // A new key: the order as it is, and that is what this key's replays say.
    let late = cancel_with_key(&service, &order, "k-2", "").await;
    assert_eq!(late.json(), service.order(&order).await);
    expect_replay(&cancel_with_key(&service, &order, "k-2", "").await, &late);

    // Another order, another reason, none, or a placing: another request.
    for answer in [
        cancel_with_key(&service, &other, "k-1", reason).await,
        cancel_with_key(&service, &order, "k-1", r#"{"reason":"thrice"}"#).await,
        cancel_with_key(&service, &order, "k-1", "").await,
        cancel_with_key(&service, &order, "placing", reason).await,
        service.post_with_key("k-1", r#"{"userId":"dev-user","total":42.00}"#).await,
    ] {
        assert_eq!(answer.problem(422)["type"], "urn:problem-type:idempotency-key-reused");
    }
    assert_eq!(service.order(&other).await["status"], "PENDING");
    // The placing is still answered as the first time.
    expect_replay(&service.post_with_key("placing", r#"{"userId":"dev-user","total":42.00}"#).await, &placed);
    expect_told(service, &queues, &[(&order, 2), (&other, 1)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn simultaneous_requests_make_one_cancellation() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let url = databases.create_url().await;
    let [one, two] = [
        Service::with(&queues.sqs, settings(&queues, &url)).await,
        Service::with(&queues.sqs, settings(&queues, &url)).await,
    ];
    let [with_key, without, left, right] = [one.place().await, one.place().await, one.place().await, one.place().await];
    let services = [&one, &two];
    let answers = join_all((0..20).map(|n| insist(services[n % 2], &with_key, Some("k-1")))).await;
    assert!(answers.iter().all(|answer| answer.text == answers[0].text && answer.status == 202), "{answers:?}");
    let firsts = answers.iter().filter(|answer| answer.header("idempotent-replayed").is_none()).count();
    assert_eq!(firsts, 1, "{answers:?}");
    let answers = join_all((0..20).map(|n| insist(services[n % 2], &without, None))).await;
    assert!(answers.iter().all(|answer| answer.text == answers[0].text && answer.status == 202), "{answers:?}");
    // One key for two orders: one of them is taken back.
    let orders = [&left, &right];
    let answers = join_all((0..20).map(|n| insist(services[n / 2 % 2], orders[n % 2], Some("k-2")))).await;
    assert!(answers.iter().all(|answer| [202, 422].contains(&answer.status)), "{answers:?}");
    let statuses = [one.order(&left).await, one.order(&right).await].map(|order| order["status"].clone());
    assert!(statuses.contains(&json!("CANCELLING")) && statuses.contains(&json!("PENDING")), "{statuses:?}");
    two.stop().await;
    let of = |status: &Value| if status == "CANCELLING" { 2 } else { 1 };
    let told = [(&with_key, 2), (&without, 2), (&left, of(&statuses[0])), (&right, of(&statuses[1]))];
    expect_told(one, &queues, &told).await;
}

#[tokio::test]
async fn beyond_the_outbox_cap_nothing_is_taken_back_and_what_was_is_answered_again() {
    let (queues, databases) = (Queues::none_yet().await, Databases::new());
    let mut settings = settings(&queues, &databases.create_url().await);
    settings.outbox_cap = 3;
    let service = Service::with(&queues.sqs, settings).await;
    let [order, other] = [service.place().await, service.place().await];
    let first = cancel_with_key(&service, &order, "k-1", "").await;
    assert_eq!(first.accepted(), order);
    let refused = async || {
        let answer = cancel_with_key(&service, &other, "k-2", "").await;
        (answer.status == 503).then_some(answer)
    };
    let refusal = eventually("the outbox is full", refused).await;
    refusal.problem(503);
    assert!(refusal.header("retry-after").is_some());
    expect_replay(&cancel_with_key(&service, &order, "k-1", "").await, &first);
    assert_eq!(cancel(&service, &order, "").await.json()["status"], "CANCELLING");
    let again = cancel_with_key(&service, &order, "k-3", "").await;
    assert_eq!(again.accepted(), order);
    expect_replay(&cancel_with_key(&service, &order, "k-3", "").await, &again);
    // It is refused for good, not for now: the same order with the key that has taken it back.
    service.post_with_key("k-1", r#"{"userId":"dev-user","total":42.00}"#).await.problem(422);
    queues.create().await;
    let taken_back = async || (cancel_with_key(&service, &other, "k-2", "").await.status == 202).then_some(());
    eventually("there is room again", taken_back).await;
    let mut told = 0;
    let all = async || {
        let taken = take_all(&queues, &[]).await;
        told += taken.values().map(Vec::len).sum::<usize>();
        (told == 4).then_some(())
    };
    eventually("both orders and both cancellations are told", all).await;
    service.stop().await;
    queues.expect_all_empty(&["orders", "orders-dlq", "payments", "payments-dlq"]).await;
}
