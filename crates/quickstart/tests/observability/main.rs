//! What `observability/` has for Prometheus and Grafana, on running services under load.
//!
//! Ignored by `cargo test`, because it needs a Docker engine; `.ci/run` runs it where there is one:
//! `cargo test -p quickstart --test observability -- --ignored --nocapture`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail where it stands")]

mod dashboards;
mod prometheus;

use std::net::SocketAddr;

use chassis::Configuration;
use quickstart::{System, SystemSettings};
use serde_json::json;
use tempfile::TempDir;
use testbed::{eventually, http_client};
use tokio_util::sync::CancellationToken;

use prometheus::{Prometheus, promtool, root};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Docker engine"]
async fn every_rule_and_every_panel_has_data_of_services_under_load() {
    promtool(&["check", "config", "/etc/prometheus/prometheus.yml"], None);
    promtool(&["test", "rules", "/etc/prometheus/tests/alerts.yml"], None);

    let directory = TempDir::new().unwrap();
    let mut configuration = Configuration::new([("QUEUE_METRICS_SECONDS", "1")].into_iter().collect());
    let settings = SystemSettings::read(&mut configuration);
    let settings = configuration.whole(settings).unwrap().on_free_ports();
    let system = System::start(settings, directory.path()).await.unwrap();
    let (orders, payments) = (system.orders_admin, system.payments_admin);
    let prometheus = Prometheus::start(orders, payments).await;

    let stop = CancellationToken::new();
    let load = tokio::spawn(load(system.api, stop.clone()));
    for admin in [orders, payments] {
        promtool(&["check", "metrics"], Some(&metrics(admin).await));
    }
    every_target_is_scraped(&prometheus).await;
    // Only now: what has been counted before the first scrape is no increase.
    poison(&system.queue_url).await;
    every_panel_has_data(&prometheus).await;
    every_rule_is_evaluated(&prometheus).await;
    what_was_taken_back_is_counted(&prometheus).await;
    what_was_given_up_is_told_of(&prometheus).await;
    stop.cancel();
    load.await.unwrap();
    drop(prometheus);
    system.stop().await.unwrap();
}

/// Orders of all kinds, cancellations, and questions about them, in four lines at once.
async fn load(api: SocketAddr, stop: CancellationToken) {
    let url = format!("http://{api}/orders");
    let line = async |offset: usize| {
        let http = http_client();
        for number in (offset..).step_by(4) {
            if stop.is_cancelled() {
                return;
            }
            let total = [42.00, 42.00, 42.90, 42.92][number % 4];
            let order = json!({ "userId": "crowd", "total": total });
            let answer: serde_json::Value = http.post(&url).json(&order).send().await.unwrap().json().await.unwrap();
            let id = answer["orderId"].as_str().unwrap();
            http.get(format!("{url}/{id}")).send().await.unwrap();
            if number % 4 == 1 {
                http.post(format!("{url}/{id}/cancel")).send().await.unwrap().error_for_status().unwrap();
            }
            http.get(format!("{url}/nothing")).send().await.unwrap();
            // Enough to see, and no more than two cores share with whoever watches.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::join!(line(0), line(1), line(2), line(3));
}

async fn poison(queue_url: &str) {
    let sqs = sqs::client::for_endpoint(queue_url).await;
    let url = sqs.get_queue_url().queue_name("orders").send().await.unwrap().queue_url.unwrap();
    sqs.send_message().queue_url(url).message_body("not an event").send().await.unwrap();
}

/// As Prometheus's older text format.
async fn metrics(admin: SocketAddr) -> String {
    let request = http_client().get(format!("http://{admin}/metrics")).header("accept", "text/plain;version=0.0.4");
    request.send().await.unwrap().text().await.unwrap()
}

async fn every_target_is_scraped(prometheus: &Prometheus) {
    eventually("both services are scraped, in both formats", async || {
        let targets = prometheus.get("targets").await;
        let targets = targets["activeTargets"].as_array().unwrap().clone();
        for target in &targets {
            assert_ne!(target["health"], "down", "{target}");
        }
        (targets.len() == 4 && targets.iter().all(|target| target["health"] == "up")).then_some(())
    })
    .await;
    println!("scraped without a complaint: both services, as OpenMetrics and as text");
}

async fn every_panel_has_data(prometheus: &Prometheus) {
    for query in dashboards::queries() {
        let what = format!("{}, {}: {}", query.dashboard, query.panel, query.expression);
        let answer = eventually(&what, async || {
            let answer = prometheus.query(&query.expression).await;
            answer.iter().any(|(_, value)| value.is_finite()).then_some(answer)
        })
        .await;
        let values: Vec<String> = answer.iter().take(4).map(|(_, value)| format!("{value:.4}")).collect();
        println!("{:8} {:32} {:3} series: {}", query.dashboard, query.panel, answer.len(), values.join(" "));
    }
}

async fn every_rule_is_evaluated(prometheus: &Prometheus) {
    let runbooks = std::fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let headings: Vec<String> = runbooks
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .map(|heading| heading.to_lowercase().replace(' ', "-"))
        .collect();
    let groups = prometheus.get("rules").await["groups"].clone();
    let rules: Vec<_> =
        groups.as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap()).collect();
    assert!(rules.len() > 20, "{}", rules.len());
    for rule in rules {
        let name = rule["name"].as_str().unwrap();
        assert_eq!((&rule["health"], &rule["lastError"]), (&json!("ok"), &serde_json::Value::Null), "{rule}");
        if rule["type"] == "recording" {
            let what = format!("{name} has data");
            let recorded = eventually(&what, async || {
                let recorded = prometheus.query(name).await;
                recorded.iter().any(|(_, value)| value.is_finite()).then_some(recorded.len())
            })
            .await;
            println!("rule     {name:60} {recorded} series");
        } else {
            let annotation = |key: &str| rule["annotations"][key].as_str().unwrap_or_default().to_owned();
            assert!(!annotation("summary").is_empty() && !annotation("description").is_empty(), "{rule}");
            let heading = annotation("runbook_url").strip_prefix("docs/operations.md#").map(str::to_owned);
            assert!(heading.is_some_and(|heading| headings.contains(&heading)), "no such runbook: {rule}");
            println!("alert    {name:60} {}", rule["state"].as_str().unwrap());
        }
    }
}

/// Those that only cancellations move; all begin at 0, which is data as well.
async fn what_was_taken_back_is_counted(prometheus: &Prometheus) {
    for counted in [
        "sum(status:orders:rate5m{status=~\"CANCELLED|REFUNDED\"})",
        "sum(outcome:refunds:rate5m{outcome=~\"refunded|voided|not-charged\"})",
        "job_route_status:http_server_requests:rate5m{http_route=\"/orders/{orderId}/cancel\"}",
    ] {
        let moved = async || prometheus.query(counted).await.iter().any(|(_, value)| *value > 0.0).then_some(());
        eventually(counted, moved).await;
    }
}

async fn what_was_given_up_is_told_of(prometheus: &Prometheus) {
    eventually("the poison message is told of", async || {
        let alerts = prometheus.get("alerts").await["alerts"].clone();
        let fires = |alert: &serde_json::Value| {
            alert["labels"]["alertname"] == "DeadLetter"
                && alert["labels"]["queue"] == "orders"
                && alert["state"] == "firing"
        };
        alerts.as_array().unwrap().iter().any(fires).then_some(())
    })
    .await;
}
