//! What only `cargo run`'s console can: take parts of the system away, and tell an order's whole story.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail where it stands")]

use std::path::Path;
use std::time::Duration;

use chassis::{Configuration, Environment};
use console::Journal;
use quickstart::{System, SystemSettings};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::{eventually, http_client};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

async fn start(directory: &Path, journal: Option<Journal>) -> System {
    // What a killed worker held comes back soon.
    let variables = [("VISIBILITY_TIMEOUT_SECONDS", "2"), ("RETRY_BASE_SECONDS", "1")];
    let mut configuration = Configuration::new(variables.into_iter().collect::<Environment>());
    let settings = SystemSettings::read(&mut configuration);
    let settings = configuration.whole(settings).unwrap().on_free_ports();
    let settings = match journal {
        Some(journal) => settings.with_journal(journal),
        None => settings,
    };
    System::start(settings, directory).await.unwrap()
}

async fn post(system: &System, path: &str, body: Value) -> (StatusCode, Value) {
    let answer = http_client().post(format!("http://{}{path}", system.console)).json(&body).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

async fn switch(system: &System, id: &str, on: bool) {
    let answer = post(system, &format!("/switches/{id}"), json!({ "on": on })).await;
    assert_eq!(answer, (StatusCode::OK, json!({ "id": id, "on": on })));
}

async fn place(system: &System, kind: &str) -> String {
    let (status, order) = post(system, "/orders", json!({ "kind": kind })).await;
    assert_eq!(status, 202, "{order}");
    order["orderId"].as_str().unwrap().to_owned()
}

async fn story(system: &System, order: &str) -> Value {
    let answer = http_client().get(format!("http://{}/orders/{order}", system.console)).send().await.unwrap();
    answer.error_for_status().unwrap().json().await.unwrap()
}

async fn becomes(system: &System, order: &str, status: &str) {
    let what = format!("{order} is {status}");
    eventually(&what, async || (story(system, order).await["order"]["status"] == status).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_taken_away_orders_are_taken_and_come_to_their_end_when_it_is_back() {
    let directory = TempDir::new().unwrap();
    let system = start(directory.path(), None).await;
    for part in ["queue", "worker", "provider"] {
        switch(&system, part, false).await;
        let order = place(&system, "paid").await;
        assert_eq!(story(&system, &order).await["order"]["status"], "PENDING", "without the {part}");
        switch(&system, part, true).await;
        becomes(&system, &order, "PAID").await;
    }
    switch(&system, "duplicates", true).await;
    let mut orders = Vec::new();
    for _ in 0..20 {
        orders.push(place(&system, "paid").await);
    }
    for order in &orders {
        becomes(&system, order, "PAID").await;
    }
    eventually("one came twice, and was charged once", async || {
        let url = format!("http://{}/metrics", system.payments_admin);
        let metrics = http_client().get(url).send().await.unwrap().text().await.unwrap();
        let count = |outcome: &str| {
            let line =
                metrics.lines().find_map(|line| line.strip_prefix(&format!("charges_total{{outcome=\"{outcome}\"}} ")));
            line.unwrap().parse::<usize>().unwrap()
        };
        (count("duplicate") > 0).then_some(())
    })
    .await;
    system.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_was_killed_in_the_midst_of_a_charge_takes_it_up_again() {
    let directory = TempDir::new().unwrap();
    let system = start(directory.path(), None).await;
    // Takes longer than the visibility timeout, so it is under way for a while.
    let order = place(&system, "long").await;
    eventually("it is in flight", async || {
        let url = format!("http://{}/metrics", system.payments_admin);
        let metrics = http_client().get(url).send().await.unwrap().text().await.unwrap();
        metrics.contains("messages_in_flight{queue=\"orders\"} 1").then_some(())
    })
    .await;
    switch(&system, "worker", false).await;
    let url = format!("http://{}/metrics", system.payments_admin);
    assert!(http_client().get(&url).timeout(Duration::from_secs(5)).send().await.is_err(), "it is gone");
    switch(&system, "worker", true).await;
    assert!(http_client().get(&url).send().await.is_ok(), "it is back where it was");
    becomes(&system, &order, "PAID").await;
    system.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_orders_story_is_what_both_services_say_of_it_in_order_of_time() {
    let journal = Journal::default();
    tracing_subscriber::registry().with(journal.clone()).init();
    let directory = TempDir::new().unwrap();
    let system = start(directory.path(), Some(journal)).await;
    let order = place(&system, "retried").await;
    becomes(&system, &order, "PAID").await;
    let story = eventually("the last line is there", async || {
        let story = story(&system, &order).await;
        let settled = story["steps"].as_array()?.iter().any(|step| step["kind"] == "settled");
        settled.then_some(story)
    })
    .await;
    assert_eq!((&story["complete"], &story["note"]), (&json!(true), &Value::Null));
    assert_eq!(story["traceId"].as_str().unwrap().len(), 32);
    let steps = story["steps"].as_array().unwrap();
    let told: Vec<_> = steps
        .iter()
        .map(|step| format!("{} {}", step["who"].as_str().unwrap(), step["kind"].as_str().unwrap()))
        .collect();
    for expected in
        ["order-service accepted", "order-service published", "payment-service charged", "order-service settled"]
    {
        assert!(told.iter().any(|step| step == expected), "{expected} is missing: {told:?}");
    }
    let count = |wanted: &str| told.iter().filter(|step| *step == wanted).count();
    assert_eq!((count("payment-service received"), count("payment-service retry")), (3, 2), "{told:?}");
    let times: Vec<i64> = steps.iter().map(|step| step["sinceMs"].as_i64().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    system.stop().await.unwrap();
}
