//! `docker-compose up`, as the README describes it.
//!
//! Ignored by `cargo test`, because it needs a Docker engine, Chromium and its driver; `.ci/run` runs it where they are:
//! `cargo test -p testbed --test compose -- --ignored`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail where it stands")]

mod browser;
mod project;

use std::time::Duration;

use serde_json::{Value, json};
use sqs::client;
use testbed::{eventually, http_client};

use browser::Browser;
use project::Project;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Docker engine and Chromium"]
async fn the_containers_do_what_the_readme_says() {
    let project = Project::up().await;

    let order = place(&project, json!({ "userId": "dev-user", "total": 42.00 })).await;
    becomes(&project, &order, "PAID").await;
    let declined = place(&project, json!({ "userId": "dev-user", "total": 42.90 })).await;
    becomes(&project, &declined, "DECLINED").await;
    the_logs_tell_the_orders_story(&project, &order).await;

    an_order_is_placed_through_swagger_ui(&project).await;
    a_poison_message_is_seen_in_the_dead_letter_queue(&project).await;
    the_console_sees_all_of_it(&project, &order).await;
    the_containers_are_locked_down(&project);

    project.observe().await;
    project.scale_workers(3).await;
    all_instances_are_scraped(&project).await;
    let mut orders = Vec::new();
    for cents in 0..30 {
        orders.push(place(&project, json!({ "userId": "crowd", "total": f64::from(1000 + cents) / 100.0 })).await);
    }
    for order in &orders {
        becomes(&project, order, "PAID").await;
    }
    project.stop_and_expect_clean_exits();
}

/// Each by its service's name, without having been told how many there are.
async fn all_instances_are_scraped(project: &Project) {
    eventually("Prometheus scrapes one order-service and three payment-services", async || {
        let targets = project.prometheus("targets?state=active").await?;
        let up = |job| {
            let mut count = 0;
            for target in targets["activeTargets"].as_array()? {
                count += usize::from(target["labels"]["job"] == job && target["health"] == "up");
            }
            Some(count)
        };
        (up("order-service")? == 1 && up("payment-service")? == 3).then_some(())
    })
    .await;
    let rules = project.prometheus("rules").await.unwrap();
    assert!(rules["groups"].as_array().is_some_and(|groups| !groups.is_empty()), "{rules}");
}

async fn place(project: &Project, order: Value) -> String {
    let answer = http_client().post(project.api("/orders")).json(&order).send().await.unwrap();
    assert_eq!(answer.status(), 202);
    let answer: Value = answer.json().await.unwrap();
    answer["orderId"].as_str().unwrap().to_owned()
}

async fn becomes(project: &Project, order: &str, status: &str) {
    eventually(&format!("order {order} is {status}"), async || {
        let answer = http_client().get(project.api(&format!("/orders/{order}"))).send().await.ok()?;
        let answer: Value = answer.json().await.ok()?;
        (answer["status"] == status).then_some(())
    })
    .await;
}

async fn the_logs_tell_the_orders_story(project: &Project, order: &str) {
    for (service, story) in [
        ("order-service", ["order accepted", "order published", "order settled"]),
        ("payment-service", ["order received", "order charged", "result published"]),
    ] {
        for event in story {
            eventually(&format!("{service} logs {event:?}"), async || {
                let logs = project.compose(&["logs", "--no-color", service]);
                let mut lines =
                    logs.lines().filter_map(|line| serde_json::from_str::<Value>(&line[line.find('{')?..]).ok());
                lines.find(|line| line["order_id"] == order && line["message"] == event).map(drop)
            })
            .await;
        }
    }
}

async fn an_order_is_placed_through_swagger_ui(project: &Project) {
    let browser = Browser::start().await;
    browser.open(&project.api("/docs")).await;
    browser.click("#operations-orders-place_order button.opblock-summary-control").await;
    browser.click("#operations-orders-place_order .try-out__btn").await;
    browser.click("#operations-orders-place_order .execute").await;
    let answer = browser.text("#operations-orders-place_order .live-responses-table .response-col_description").await;
    browser.screenshot("swagger-ui").await;
    assert!(answer.contains("\"PENDING\""), "Swagger UI shows {answer}");
    let (_, id) = answer.split_once("\"orderId\": \"").unwrap();
    becomes(project, &id[..36], "PAID").await;
    browser.close().await;
}

async fn a_poison_message_is_seen_in_the_dead_letter_queue(project: &Project) {
    let sqs = client::for_endpoint(&project.queue_url).await;
    let url = sqs.get_queue_url().queue_name("orders").send().await.unwrap().queue_url.unwrap();
    sqs.send_message().queue_url(url).message_body("not an event").send().await.unwrap();
    eventually("the poison message is in orders-dlq", async || {
        let listed =
            project.compose(&["exec", "-T", "payment-service", "/payment-service", "dlq", "list", "--output", "json"]);
        let letters: Value = serde_json::from_str(&listed).ok()?;
        letters.as_array()?.iter().find(|letter| letter["failure"] == "undecodable").map(drop)
    })
    .await;
}

/// Both services, the order that was placed, and the dead letter.
async fn the_console_sees_all_of_it(project: &Project, order: &str) {
    let mut events = http_client().get(project.console("/events")).send().await.unwrap();
    let mut text = String::new();
    eventually("the console shows the services, the order and the dead letter", async || {
        text += &String::from_utf8_lossy(&events.chunk().await.ok()??);
        let state = |event: &str| serde_json::from_str::<Value>(event.strip_prefix("event: state\ndata: ")?).ok();
        let state = text.rsplit("\n\n").find_map(state)?;
        let up = |id: &str| {
            state["places"]
                .as_array()
                .is_some_and(|all| all.iter().any(|place| place["id"] == id && place["status"] == "up"))
        };
        let shown = |list: &Value, member: &str, value: &str| {
            list.as_array().is_some_and(|all| all.iter().any(|one| one[member] == value))
        };
        let paid = shown(&state["orders"]["latest"], "orderId", order);
        let dead = shown(&state["deadLetters"]["queues"][0]["letters"], "kind", "undecodable");
        (up("order-service") && up("payment-service") && up("orders") && paid && dead).then_some(())
    })
    .await;
}

fn the_containers_are_locked_down(project: &Project) {
    for service in ["order-service", "payment-service", "console"] {
        for container in project.containers(service) {
            let inspected: Value = serde_json::from_str(&project::docker(&["inspect", &container])).unwrap();
            let (config, host) = (&inspected[0]["Config"], &inspected[0]["HostConfig"]);
            assert_eq!(config["User"], "65532:65532");
            assert_eq!(host["ReadonlyRootfs"], true);
            assert_eq!(host["CapDrop"], json!(["ALL"]));
            assert_eq!(host["Privileged"], false);
            assert!(host["SecurityOpt"].to_string().contains("no-new-privileges"));
        }
        assert!(project.try_compose(&["exec", "-T", service, "/bin/sh", "-c", "true"]).is_err(), "there is a shell");
        let image = project.image_of(service);
        let bytes: u64 = project::docker(&["image", "inspect", "-f", "{{.Size}}", &image]).trim().parse().unwrap();
        println!("{service}: image of {:.1} MB", bytes as f64 / 1e6);
        assert!(bytes <= 40_000_000, "the image of {service} is larger than 40 MB");
    }
}

/// A container needs a while to be healthy; a build, minutes.
const HEALTHY: Duration = Duration::from_secs(180);
