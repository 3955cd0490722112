//! `Idempotency-Key`: the same request again makes no second order.

use std::time::Duration;

use database::Database;
use jiff::{SignedDuration, Timestamp};
use order_service::store::{MIGRATIONS, OrderStore};
use outbox::Outbox;
use testbed::{Databases, Queues};
use tokio_util::sync::CancellationToken;

use crate::answer::Answer;
use crate::events::{once_each, send, succeeded, told};
use crate::{Service, settings};

pub(crate) const ORDER: &str = r#"{"userId":"dev-user","total":42.00}"#;

/// Checks that `answer` repeats `first`.
pub(crate) fn expect_replay(answer: &Answer, first: &Answer) {
    assert_eq!((answer.status, &answer.text), (202, &first.text), "{answer:?}");
    assert_eq!(answer.header("location"), first.header("location"));
    assert_eq!(answer.header("content-type"), first.header("content-type"));
    assert_eq!((first.header("idempotent-replayed"), answer.header("idempotent-replayed")), (None, Some("true")));
}

/// Checks that these are all the orders there are, each told once, and ends the test.
pub(crate) async fn expect_only(orders: &[String], service: Service, queues: &Queues) {
    let newest_first: Vec<String> = orders.iter().rev().cloned().collect();
    assert_eq!(service.list("").await, newest_first);
    // A service that stops sends first what it has.
    service.stop().await;
    assert_eq!(told(queues, orders).await, once_each(orders));
    queues.expect_all_empty(&["orders", "orders-dlq", "payments", "payments-dlq"]).await;
}

#[tokio::test]
async fn the_same_request_again_gets_the_same_answer_and_makes_nothing() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let first = service.post_with_key("k-1", ORDER).await;
    for _ in 0..3 {
        expect_replay(&service.post_with_key("k-1", ORDER).await, &first);
    }
    expect_only(&[first.accepted()], service, &queues).await;
}

#[tokio::test]
async fn two_bodies_that_mean_the_same_order_are_the_same_payload() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let first = service.post_with_key("k-1", ORDER).await;
    for same in [
        r#"{"userId":"dev-user","total":42}"#,
        r#"{"total":4.2e1,"userId":"dev-user"}"#,
        "\r\n{ \"userId\" : \"dev\\u002duser\" ,\t\"total\" : 42.000 }\n",
        r#"{"currency":"USD","userId":"dev-user","total":42.0}"#,
    ] {
        expect_replay(&service.post_with_key("k-1", same).await, &first);
    }
    expect_only(&[first.accepted()], service, &queues).await;
}

#[tokio::test]
async fn a_key_that_belongs_to_another_order_is_refused() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let first = service.post_with_key("k-1", ORDER).await;
    for other in [
        r#"{"userId":"dev-user","total":42.01}"#,
        r#"{"userId":"dev-user2","total":42.00}"#,
        r#"{"userId":"dev-user","total":42.00,"currency":"EUR"}"#,
    ] {
        let problem = service.post_with_key("k-1", other).await.problem(422);
        assert_eq!(problem["type"], "urn:problem-type:idempotency-key-reused");
        assert!(problem.get("errors").is_none(), "no field is at fault: {problem}");
    }
    expect_replay(&service.post_with_key("k-1", ORDER).await, &first);
    expect_only(&[first.accepted()], service, &queues).await;
}

#[tokio::test]
async fn without_a_key_and_under_another_key_the_same_body_is_another_order() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let mut orders = Vec::new();
    for key in ["k", "K", "k-1"] {
        orders.push(service.post_with_key(key, ORDER).await.accepted());
    }
    for _ in 0..2 {
        orders.push(service.post(ORDER).await.accepted());
    }
    expect_only(&orders, service, &queues).await;
}

#[tokio::test]
async fn quoted_and_bare_are_one_key() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let bare = service.post_with_key("8e03978e-40d5", ORDER).await;
    expect_replay(&service.post_with_key(r#""8e03978e-40d5""#, ORDER).await, &bare);
    let quoted = service.post_with_key(r#""a\"b""#, ORDER).await;
    expect_replay(&service.post_with_key(r#"a"b"#, ORDER).await, &quoted);
    expect_only(&[bare.accepted(), quoted.accepted()], service, &queues).await;
}

#[tokio::test]
async fn a_key_that_is_no_key_is_refused() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let (longest, too_long) = ("k".repeat(255), "k".repeat(256));
    for key in ["", "  ", r#""""#, r#""open"#, "ключ", &too_long, &format!("\"{too_long}\"")] {
        service.post_with_key(key, ORDER).await.problem(400);
    }
    let twice = service.posting(ORDER).header("Idempotency-Key", "a").header("Idempotency-Key", "b");
    Answer::to(twice).await.problem(400);

    let first = service.post_with_key(&longest, ORDER).await;
    expect_replay(&service.post_with_key(&format!("\"{longest}\""), ORDER).await, &first);
    expect_only(&[first.accepted()], service, &queues).await;
}

#[tokio::test]
async fn a_refused_request_does_not_use_up_its_key() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    service.post_with_key("k-1", "{").await.problem(400);
    service.post_with_key("k-1", r#"{"userId":"dev-user","total":0}"#).await.problem(422);
    let media_type = service.request(reqwest::Method::POST, "/orders").header("Idempotency-Key", "k-1").body(ORDER);
    Answer::to(media_type).await.problem(415);
    let first = service.post_with_key("k-1", ORDER).await;
    // Neither do those that come after it.
    service.post_with_key("k-1", "{").await.problem(400);
    service.post_with_key("k-1", r#"{"userId":"dev-user","total":0}"#).await.problem(422);
    expect_replay(&service.post_with_key("k-1", ORDER).await, &first);
    expect_only(&[first.accepted()], service, &queues).await;
}

#[tokio::test]
async fn a_replay_after_the_payment_still_says_what_was_said_first() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let first = service.post_with_key("k-1", ORDER).await;
    let id = first.accepted();
    send(&queues, "payments", &succeeded(&id, 4200).to_string(), &[]).await;
    service.wait_for_status(&id, "PAID").await;
    expect_replay(&service.post_with_key("k-1", ORDER).await, &first);
    assert_eq!(service.order(&id).await["status"], "PAID");
    expect_only(&[id], service, &queues).await;
}

#[tokio::test]
async fn keys_are_forgotten_after_thirty_days() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let url = databases.create_url().await;
    let service = Service::with(&queues.sqs, settings(&queues, &url)).await;
    let first = service.post_with_key("k-1", ORDER).await;

    let database = Database::open(&url.parse().unwrap(), &MIGRATIONS).await.unwrap();
    let store = OrderStore::new(database.clone(), Outbox::new(database.clone(), 1));
    let stop = CancellationToken::new();
    let placed: Timestamp = first.json()["createdAt"].as_str().unwrap().parse().unwrap();
    let days_later = |days: i64| placed + SignedDuration::from_hours(24 * days);
    assert_eq!(store.forget_old_keys(days_later(30), &stop).await.unwrap(), 0);
    expect_replay(&service.post_with_key("k-1", ORDER).await, &first);
    let after = days_later(30) + Duration::from_millis(1);
    assert_eq!(store.forget_old_keys(after, &stop).await.unwrap(), 1);
    database.close().await;

    let second = service.post_with_key("k-1", ORDER).await;
    assert_ne!(second.accepted(), first.accepted());
    expect_replay(&service.post_with_key("k-1", ORDER).await, &second);
    expect_only(&[first.accepted(), second.accepted()], service, &queues).await;
}
