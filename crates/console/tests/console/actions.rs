//! What the page's buttons do, and how a refusal is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use console::Switch;
use futures::FutureExt;
use futures::future::ready;
use reqwest::Response;
use serde_json::{Value, json};

use crate::scene::{Page, World};

async fn refused(answer: Response, status: u16, kind: &str) -> Value {
    assert_eq!(answer.status(), status);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["type"], format!("urn:problem-type:{kind}"), "{problem}");
    assert!(problem["title"].is_string() && problem["detail"].is_string(), "{problem}");
    problem
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_of_each_kind_is_placed_and_one_is_taken_back() {
    let world = World::start().await;
    let mut page = world.open().await;
    let kinds = page.until("the kinds", |state| state["kinds"].as_array().cloned()).await;
    assert_eq!(kinds.len(), 7);
    for kind in &kinds {
        world.place(kind["id"].as_str().unwrap()).await;
    }
    page.until("all are shown", |state| (state["orders"]["latest"].as_array()?.len() == 7).then_some(())).await;

    let order = world.place("paid").await;
    page.until_order(&order, "PAID").await;
    let cancelled = world.post(&format!("/orders/{order}/cancel")).send().await.unwrap();
    assert_eq!(cancelled.status(), 202);
    assert_eq!(cancelled.json::<Value>().await.unwrap()["orderId"], order);
    page.until_order(&order, "REFUNDED").await;

    let declined = world.place("declined").await;
    page.until_order(&declined, "DECLINED").await;
    let answer = world.post(&format!("/orders/{declined}/cancel")).send().await.unwrap();
    let problem = refused(answer, 409, "not-cancellable").await;
    assert!(problem["detail"].as_str().unwrap().contains("has been declined"), "in the API's own words: {problem}");
    let unknown = "01a1f8d6-6333-704b-89cd-7e274d6370cc";
    refused(world.post(&format!("/orders/{unknown}/cancel")).send().await.unwrap(), 404, "unknown-order").await;
    refused(world.post("/orders/..%2F..%2Fdocs/cancel").send().await.unwrap(), 404, "unknown-order").await;
    refused(world.post("/orders").json(&json!({ "kind": "free" })).send().await.unwrap(), 422, "unknown-kind").await;
    refused(world.post("/orders").json(&json!({ "sort": 1 })).send().await.unwrap(), 422, "unusable-body").await;
    refused(world.post("/orders").body("kind=paid").send().await.unwrap(), 415, "unusable-body").await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_orders_are_placed_once_at_a_time() {
    let world = World::start().await;
    let mut page = world.open().await;
    let begun = world.post("/orders/thousand").send().await.unwrap();
    assert_eq!(begun.status(), 202);
    refused(world.post("/orders/thousand").send().await.unwrap(), 409, "already-placing").await;
    let done = page.until("they are placed", |state| {
        let thousand = &state["thousand"];
        (thousand["running"] == false).then(|| thousand.clone())
    });
    let done = done.await;
    assert_eq!((&done["placed"], &done["refused"]), (&json!(1000), &json!(0)), "{done}");
    page.until("all have come to their end", |state| (state["cost"]["orders"] == 1000.0).then_some(())).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_orders_story_without_the_services_lines_says_what_it_lacks() {
    let world = World::start().await;
    let mut page = world.open().await;
    let order = world.place("paid").await;
    page.until_order(&order, "PAID").await;
    let story: Value = world.get(&format!("/orders/{order}")).send().await.unwrap().json().await.unwrap();
    assert_eq!(story["order"]["status"], "PAID");
    assert_eq!(story["complete"], false);
    let note = story["note"].as_str().unwrap();
    assert!(note.contains("elsewhere") && note.contains("Receives, attempts"), "{note}");
    assert_eq!(story["traceId"].as_str().unwrap().len(), 32, "the console placed it, so it knows");
    let kinds: Vec<_> = story["steps"].as_array().unwrap().iter().map(|step| step["kind"].clone()).collect();
    assert_eq!((kinds.first(), kinds.last()), (Some(&json!("accepted")), Some(&json!("settled"))), "{story}");
    refused(world.get("/orders/none").send().await.unwrap(), 404, "unknown-order").await;
    world.stop().await;
}

async fn letter(page: &mut Page, body: &str) -> (String, String) {
    page.until("the dead letter", |state| {
        let queue = &state["deadLetters"]["queues"][0];
        let letter = queue["letters"].as_array()?.iter().find(|letter| letter["excerpt"] == body)?;
        Some((queue["queue"].as_str()?.to_owned(), letter["messageId"].as_str()?.to_owned()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_shown_sent_back_and_purged() {
    let world = World::start().await;
    let mut page = world.open().await;
    let body = format!("<script>{}</script>", "x".repeat(280));
    world.scene.queues.send("orders", &body).await;
    let (queue, id) = letter(&mut page, &body).await;
    let whole: Value = world.get(&format!("/dead-letters/{queue}/{id}")).send().await.unwrap().json().await.unwrap();
    assert_eq!(whole["body"], body);
    let attributes = whole["attributes"].as_array().unwrap();
    assert!(attributes.iter().any(|one| one["name"] == "failure-type" && one["value"] == "undecodable"), "{whole}");

    let sent = world.post(&format!("/dead-letters/{queue}/{id}/send-back")).send().await.unwrap();
    assert_eq!(sent.status(), 200, "{}", sent.text().await.unwrap());
    // It is no better than before, and comes again under another id.
    let (_, again) = page
        .until("it has come again", |state| {
            let queue = &state["deadLetters"]["queues"][0];
            let letter = queue["letters"].as_array()?.iter().find(|letter| letter["messageId"] != id.as_str())?;
            Some((queue["queue"].clone(), letter["messageId"].as_str()?.to_owned()))
        })
        .await;
    refused(world.post(&format!("/dead-letters/{queue}/{id}/send-back")).send().await.unwrap(), 404, "letter-gone")
        .await;
    refused(world.get(&format!("/dead-letters/{queue}/{id}")).send().await.unwrap(), 404, "letter-gone").await;

    let purge = format!("/dead-letters/{queue}/purge");
    refused(world.post(&purge).json(&json!({})).send().await.unwrap(), 422, "not-confirmed").await;
    assert_eq!(world.get(&format!("/dead-letters/{queue}/{again}")).send().await.unwrap().status(), 200);
    refused(
        world.post("/dead-letters/none/purge").json(&json!({ "yes": true })).send().await.unwrap(),
        404,
        "unknown-queue",
    )
    .await;
    assert_eq!(world.post(&purge).json(&json!({ "yes": true })).send().await.unwrap().status(), 200);
    page.until("there are none", |state| {
        state["deadLetters"]["queues"][0]["letters"].as_array().filter(|letters| letters.is_empty()).map(drop)
    })
    .await;
    world.scene.queues.expect_empty("orders-dlq").await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_is_set_and_a_console_without_any_says_so() {
    let there = Arc::new(AtomicBool::new(true));
    let (is_on, set) = (there.clone(), there.clone());
    let words = ["queue", "Queue", "it is there", "it is away"];
    let queue = Switch::new(
        words,
        move || is_on.load(Ordering::SeqCst),
        move |on| {
            set.store(on, Ordering::SeqCst);
            ready(Ok(())).boxed()
        },
    );
    let stuck =
        Switch::new(["stuck", "Stuck", "", ""], || true, |_| ready(Err(anyhow::anyhow!("it is stuck"))).boxed());
    let world = World::with([queue, stuck].into_iter().collect(), |_| {}).await;
    let mut page = world.open().await;
    let off = world.post("/switches/queue").json(&json!({ "on": false })).send().await.unwrap();
    assert_eq!(off.json::<Value>().await.unwrap(), json!({ "id": "queue", "on": false }));
    assert!(!there.load(Ordering::SeqCst));
    page.until("it is seen", |state| (state["switches"][0]["on"] == false).then_some(())).await;
    let answer = world.post("/switches/stuck").json(&json!({ "on": false })).send().await.unwrap();
    assert_eq!(refused(answer, 409, "not-switched").await["detail"], "it is stuck.");
    let answer = world.post("/switches/worker").json(&json!({ "on": true })).send().await.unwrap();
    refused(answer, 404, "unknown-switch").await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn services_and_queues_that_are_away_are_told_in_words() {
    let world = World::start().await;
    let mut page = world.open().await;
    page.until_place("orders", "up").await;
    page.until("the queues have been seen", |state| state["deadLetters"]["queues"][0]["queue"].as_str().map(drop))
        .await;
    let dead_letters = world.scene.queues.name("orders-dlq");
    world.scene.proxy.fail(|_, _| testbed::Fault::HangUp);
    let answer = world.post(&format!("/dead-letters/{dead_letters}/purge")).json(&json!({ "yes": true }));
    refused(answer.send().await.unwrap(), 502, "queue-away").await;
    assert_eq!(world.post("/dead-letters/look").send().await.unwrap().status(), 202);
    page.until_place("orders", "away").await;
    page.until("why", |state| state["deadLetters"]["problem"].as_str().map(drop)).await;
    world.scene.proxy.heal();
    page.until_place("orders", "up").await;

    let World { orders, payments, page, console, .. } = world;
    orders.stop().await;
    let placed = testbed::http_client().post(format!("{console}/orders")).json(&json!({ "kind": "paid" }));
    refused(placed.send().await.unwrap(), 502, "order-service-away").await;
    page.stop().await;
    payments.stop().await;
}
