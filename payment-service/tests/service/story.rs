//! The real binary from its start to SIGTERM, and the story that its log tells.

use std::time::Duration;

use contracts::OrderCreated;
use serde_json::Value;
use sqs::TraceContext;
use tempfile::TempDir;
use testbed::{CountingProvider, Queues, Reply, eventually};

use crate::Scene;
use crate::process::Process;
use crate::scene::{created, order};

/// An open receive takes up to 20 s; what it would bring after this deadline comes back by itself.
const DEADLINE: (&str, &str) = ("SHUTDOWN_TIMEOUT_SECONDS", "6");

#[tokio::test]
async fn sigterm_lets_the_orders_under_way_finish_and_ends_with_0() {
    let scene = Scene::set().await;
    let provider = CountingProvider::deciding(|_, _| Reply::ChargeSlowly(Duration::from_secs(1))).await;
    let (directory, provider_url) = (TempDir::new().unwrap(), provider.url());
    let environment = [DEADLINE, ("PAYMENT_PROVIDER_URL", provider_url.as_str())];
    let worker = Process::start(&scene, directory.path(), &environment);
    let orders = scene.place_all(1000..1010).await;
    let asked = |order: &OrderCreated| provider.asked(&order.order_id.to_string());
    let all = async || orders.iter().all(|order| asked(order) == 1).then_some(());
    eventually("all orders are under way", all).await;
    let (code, log) = worker.terminate().await;

    assert_eq!(code, Some(0));
    assert_eq!(log.last().unwrap()["message"], "payment service stopped");
    assert_eq!(scene.results_now().await.len(), orders.len());
    assert_eq!(provider.executions().len(), orders.len());
    scene.at_rest().await;
}

/// The lines about one order, in the order of their writing.
fn story<'a>(log: &'a [Value], order: &OrderCreated) -> Vec<&'a Value> {
    log.iter().filter(|line| line["order_id"] == order.order_id.to_string()).collect()
}

fn messages<'a>(story: &[&'a Value]) -> Vec<&'a str> {
    story.iter().map(|line| line["message"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_log_tells_the_story_of_each_order_with_its_ids_on_the_top_level() {
    let scene = Scene::set().await;
    let (orders, payments) = (scene.queues.name("orders"), scene.queues.name("payments"));
    let directory = TempDir::new().unwrap();
    let worker = Process::start(&scene, directory.path(), &[DEADLINE]);
    let (paid, declined, trace) = (order(4200), order(4290), TraceContext::root());
    scene.queues.send_with("orders", &created(&paid), &[("traceparent", &trace.to_string())]).await;
    let told = scene.results(1).await.remove(0);
    scene.queues.send("orders", &created(&declined)).await;
    scene.results(1).await;
    scene.queues.send("orders", "not JSON").await;
    let letter = scene.queues.take("orders-dlq").await;
    let (_, log) = worker.terminate().await;

    let of_paid = story(&log, &paid);
    assert_eq!(messages(&of_paid), ["order received", "order charged", "result published"]);
    for line in &of_paid {
        assert!(line["message_id"].is_string() && line["level"] == "INFO", "{line}");
        assert_eq!(line["attempt"], 1, "{line}");
    }
    let queues: Vec<&str> = of_paid.iter().map(|line| line["queue"].as_str().unwrap()).collect();
    assert_eq!(queues, [&orders, &orders, &payments]);
    assert_eq!(of_paid[0]["message_id"], of_paid[1]["message_id"]);
    assert_eq!(of_paid[2]["message_id"], told.message.message_id);
    assert_eq!(of_paid[1]["trace_id"], trace.trace_id());
    assert_eq!(of_paid[1]["payment_id"], scene.row(&paid).await.payment_id);
    assert_eq!(of_paid[0]["amount"], 4200);

    let of_declined = story(&log, &declined);
    assert_eq!(messages(&of_declined), ["order received", "order declined", "result published"]);
    assert_eq!(of_declined[1]["reason"], "insufficient funds");

    let dead = log.iter().find(|line| line["message"] == "dead-lettered").unwrap();
    assert_eq!(dead["message_id"], letter.attributes["source-message-id"]);
    assert_eq!(
        (&dead["kind"], &dead["queue"], &dead["level"]),
        (&"undecodable".into(), &orders.into(), &"ERROR".into())
    );
    assert!(!log.iter().any(|line| line.to_string().contains("dev-user")), "who ordered is nobody's business");
    scene.at_rest().await;
}

#[tokio::test]
async fn the_log_names_a_missing_queue_once_and_says_when_it_is_there() {
    let scene = Scene::set_with(Queues::none_yet().await).await;
    let directory = TempDir::new().unwrap();
    let worker = Process::start(&scene, directory.path(), &[DEADLINE]);
    let told = async |message: &str| {
        let both = async || (worker.logged(message).len() >= 2).then_some(());
        eventually(&format!("{message} for both queues"), both).await;
    };
    told("queue out of reach, will keep trying").await;
    scene.queues.create().await;
    scene.place(4200).await;
    scene.results(1).await;
    told("queue reachable").await;
    let (_, log) = worker.terminate().await;

    for queue in [scene.queues.name("orders"), scene.queues.name("payments")] {
        let about: Vec<_> = log.iter().filter(|line| line["queue"] == queue && line["order_id"].is_null()).collect();
        let told: Vec<_> = messages(&about).into_iter().filter(|message| message.starts_with("queue ")).collect();
        assert_eq!(told, ["queue out of reach, will keep trying", "queue reachable"], "once per change");
        let error = about[0]["error"].as_str().unwrap();
        assert!(error.contains(&queue) && error.contains("does not exist"), "{error}");
    }
    scene.at_rest().await;
}
