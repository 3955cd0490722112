//! Everything in one process, as `cargo run` starts it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail where it stands")]

use std::path::Path;
use std::time::Duration;

use chassis::{Configuration, Environment};
use quickstart::{System, SystemSettings, cost, demo};
use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::{eventually, http_client};

async fn start(directory: &Path, variables: &[(&str, &str)]) -> System {
    let environment: Environment = variables.iter().copied().collect();
    let mut configuration = Configuration::new(environment);
    let settings = SystemSettings::read(&mut configuration);
    let settings = configuration.whole(settings).unwrap().on_free_ports();
    System::start(settings.with_default_visibility_timeout(Duration::from_secs(4)), directory).await.unwrap()
}

async fn place(system: &System, total: f64) -> String {
    let order = json!({ "userId": "dev-user", "total": total });
    let answer = http_client().post(format!("http://{}/orders", system.api)).json(&order).send().await.unwrap();
    let answer: Value = answer.error_for_status().unwrap().json().await.unwrap();
    answer["orderId"].as_str().unwrap().to_owned()
}

async fn status(system: &System, order: &str) -> String {
    let answer = http_client().get(format!("http://{}/orders/{order}", system.api)).send().await.unwrap();
    let answer: Value = answer.error_for_status().unwrap().json().await.unwrap();
    answer["status"].as_str().unwrap().to_owned()
}

async fn becomes(system: &System, order: &str, expected: &str) {
    let what = format!("{order} is {expected}");
    eventually(&what, async || (status(system, order).await == expected).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_brings_every_kind_of_order_to_its_end() {
    let directory = TempDir::new().unwrap();
    let system = start(directory.path(), &[]).await;
    let price = "0.40".parse().unwrap();
    assert!(demo::run(&system, price).await.unwrap());
    let line = cost::line(&system, 7, price).await.unwrap();
    assert!(line.contains("requests to SQS for 7 orders") && line.contains("per million orders"), "{line}");
    system.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_order_is_paid_although_the_queue_duplicates_reorders_delays_and_does_not_answer() {
    let directory = TempDir::new().unwrap();
    let unkind = "seed=1,duplicates=0.5,reordered=0.5,late=0.2,lost-answers=0.1";
    let system = start(directory.path(), &[("EMBEDDED_QUEUE_UNKIND", unkind)]).await;
    let mut orders = Vec::new();
    for _ in 0..20 {
        orders.push(place(&system, 42.00).await);
    }
    for order in orders {
        becomes(&system, &order, "PAID").await;
    }
    system.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_finds_the_orders_again_and_finishes_those_under_way() {
    let directory = TempDir::new().unwrap();
    let system = start(directory.path(), &[("SHUTDOWN_TIMEOUT_SECONDS", "1")]).await;
    let paid = place(&system, 42.00).await;
    becomes(&system, &paid, "PAID").await;
    // Slow, so that it is under way when the system is stopped; the queue forgets it.
    let under_way = place(&system, 42.91).await;
    system.stop().await.unwrap();

    let system = start(directory.path(), &[]).await;
    assert_eq!(status(&system, &paid).await, "PAID");
    becomes(&system, &under_way, "PAID").await;
    system.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_result_the_queue_forgot_is_told_of_again_and_not_charged_twice() {
    let directory = TempDir::new().unwrap();
    let system = start(directory.path(), &[]).await;
    let order = place(&system, 42.00).await;
    becomes(&system, &order, "PAID").await;
    system.stop().await.unwrap();
    set_pending(&directory.path().join("orders.db"), &order).await;

    let system = start(directory.path(), &[]).await;
    becomes(&system, &order, "PAID").await;
    let metrics = http_client().get(format!("http://{}/metrics", system.payments_admin)).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains("charges_total{outcome=\"duplicate\"} 1"), "{metrics}");
    assert!(metrics.contains("charges_total{outcome=\"succeeded\"} 0"), "{metrics}");
    system.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_finishes_the_cancellations_that_were_under_way() {
    let directory = TempDir::new().unwrap();
    let system = start(directory.path(), &[("SHUTDOWN_TIMEOUT_SECONDS", "1")]).await;
    let charged = place(&system, 42.00).await;
    becomes(&system, &charged, "PAID").await;
    system.simulated_provider.as_ref().unwrap().take_away();
    let never_charged = place(&system, 42.00).await;
    let charge = "charges_total{outcome=\"away\"}";
    eventually("a charge was tried", async || (counted(&system, charge).await > 0).then_some(())).await;
    for order in [&charged, &never_charged] {
        cancel(&system, order).await;
    }
    // Only the provider knows how they end, and it is away until the queue has forgotten them.
    system.stop().await.unwrap();

    let system = start(directory.path(), &[]).await;
    becomes(&system, &charged, "REFUNDED").await;
    becomes(&system, &never_charged, "CANCELLED").await;
    for outcome in ["refunded", "voided"] {
        assert_eq!(counted(&system, &format!("refunds_total{{outcome=\"{outcome}\"}}")).await, 1, "{outcome}");
    }
    assert_eq!(counted(&system, "charges_total{outcome=\"succeeded\"}").await, 0);
    system.stop().await.unwrap();
}

async fn cancel(system: &System, order: &str) {
    let answer = http_client().post(format!("http://{}/orders/{order}/cancel", system.api)).send().await.unwrap();
    let answer: Value = answer.error_for_status().unwrap().json().await.unwrap();
    assert_eq!(answer["status"], "CANCELLING");
}

/// What the payment service has counted.
async fn counted(system: &System, series: &str) -> usize {
    let metrics = http_client().get(format!("http://{}/metrics", system.payments_admin)).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    metrics.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok()).unwrap()
}

/// As if the process had ended between the charge and its result.
async fn set_pending(database: &Path, order: &str) {
    use sqlx::Connection;
    sqlx::any::install_default_drivers();
    let mut connection = sqlx::AnyConnection::connect(&format!("sqlite://{}", database.display())).await.unwrap();
    let update = sqlx::query("UPDATE orders SET status = 'PENDING' WHERE order_id = $1").bind(order);
    assert_eq!(update.execute(&mut connection).await.unwrap().rows_affected(), 1);
}
