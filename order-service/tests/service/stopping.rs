//! Stops and restarts: what was accepted is told, whatever happens in between.

use std::collections::BTreeMap;
use std::time::Duration;

use database::Database;
use order_service::OrderService;
use order_service::store::MIGRATIONS;
use reqwest::Method;
use serde_json::{Value, json};
use sqs::client;
use testbed::{Databases, Fault, FaultyProxy, Queues, eventually};
use tokio::task::JoinSet;

use crate::answer::Answer;
use crate::events::{cancelled, once_each, refunded, send, succeeded, take_all, told};
use crate::{Service, settings};

const ORDER: &str = r#"{"userId":"dev-user","total":42.00}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_under_load_loses_no_accepted_order() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let url = databases.create_url().await;
    let service = Service::with(&queues.sqs, settings(&queues, &url)).await;
    let (progress, mut accepted_so_far) = tokio::sync::watch::channel(0);
    let mut clients = JoinSet::new();
    for _ in 0..16 {
        let (request, progress) = (service.posting(ORDER), progress.clone());
        clients.spawn(async move {
            let mut accepted = Vec::new();
            // Until the port is closed.
            while let Ok(answer) = Answer::try_to(request.try_clone().unwrap()).await {
                accepted.push(answer.accepted());
                progress.send_modify(|orders| *orders += 1);
            }
            accepted
        });
    }
    // So that the wait ends should all clients have failed.
    drop(progress);
    accepted_so_far.wait_for(|orders| *orders >= 100).await.unwrap();
    service.stop().await;
    let accepted = clients.join_all().await.concat();

    let service = Service::with(&queues.sqs, settings(&queues, &url)).await;
    for order in &accepted {
        assert_eq!(service.order(order).await["status"], "PENDING");
    }
    service.stop().await;
    let told = told(&queues, &accepted).await;
    // An order whose answer got lost is told as well, and nobody's twice.
    assert!(told.values().all(|times| *times == 1), "{told:?}");
    queues.expect_all_empty(&["orders", "orders-dlq"]).await;
}

#[tokio::test]
async fn what_a_stop_could_not_send_goes_out_after_the_restart() {
    let (queues, databases) = (Queues::none_yet().await, Databases::new());
    let url = databases.create_url().await;
    let service = Service::with(&queues.sqs, settings(&queues, &url)).await;
    let mut orders = Vec::new();
    for _ in 0..25 {
        orders.push(service.place().await);
    }
    service.stop().await;

    queues.create().await;
    queues.expect_empty("orders").await;
    let service = Service::with(&queues.sqs, settings(&queues, &url)).await;
    assert_eq!(told(&queues, &orders).await, once_each(&orders));
    service.stop().await;
    queues.expect_all_empty(&["orders", "orders-dlq"]).await;
}

#[tokio::test]
async fn what_a_stop_has_no_time_to_send_is_free_for_another_instance() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let url = databases.create_url().await;
    let proxy = FaultyProxy::start(&queues.url).await;
    proxy.fail(|action, _| if action == "SendMessageBatch" { Fault::Hang } else { Fault::None });
    let mut hurried = settings(&queues, &url);
    hurried.stopping.timeout = Duration::from_secs(1);
    hurried.consumer.shutdown_timeout = Duration::from_secs(1);
    let service = Service::with(&client::for_endpoint(&proxy.url).await, hurried).await;
    let orders = [service.place().await, service.place().await, service.place().await];
    eventually("a send hangs", async || (proxy.count("SendMessageBatch") > 0).then_some(())).await;
    service.stop().await;

    let database = Database::open(&url.parse().unwrap(), &MIGRATIONS).await.unwrap();
    let leases = sqlx::query_scalar::<_, i64>("SELECT lease_until FROM outbox").fetch_all(database.reads());
    assert_eq!(leases.await.unwrap(), [0; 3]);
    let service = Service::with(&queues.sqs, settings(&queues, &url)).await;
    assert_eq!(told(&queues, &orders).await, once_each(&orders));
    service.stop().await;
    queues.expect_all_empty(&["orders", "orders-dlq"]).await;
}

#[tokio::test]
async fn pending_orders_are_told_again_only_when_that_is_asked_for() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let url = databases.create_url().await;
    let service = Service::with(&queues.sqs, settings(&queues, &url)).await;
    let mut orders = Vec::new();
    // More than are read at once.
    for _ in 0..205 {
        orders.push(service.place().await);
    }
    let paid = orders.remove(100);
    send(&queues, "payments", &succeeded(&paid, 4200).to_string(), &[]).await;
    service.wait_for_status(&paid, "PAID").await;
    service.stop().await;
    let mut first_told = take_all(&queues, &orders).await;
    queues.expect_all_empty(&["orders", "payments", "payments-dlq"]).await;

    let forgetful = Queues::start().await;
    Service::with(&forgetful.sqs, settings(&forgetful, &url)).await.stop().await;
    forgetful.expect_empty("orders").await;

    let service = OrderService::build(settings(&forgetful, &url), forgetful.sqs.clone()).await.unwrap();
    service.tell_pending_again().await.unwrap();
    let service = Service::run(service);
    first_told.remove(&paid).unwrap();
    assert_eq!(take_all(&forgetful, &orders).await, first_told, "the same events, so that they are recognised");
    service.stop().await;
    forgetful.expect_all_empty(&["orders", "orders-dlq", "payments", "payments-dlq"]).await;
}

#[tokio::test]
async fn cancellations_under_way_are_told_again_to_a_queue_that_forgets_and_those_that_have_ended_are_not() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let url = databases.create_url().await;
    let service = Service::with(&queues.sqs, settings(&queues, &url)).await;
    let mut orders = Vec::new();
    // More than are read at once.
    for n in 0..205 {
        let order = service.place().await;
        let cancel = service.request(Method::POST, &format!("/orders/{order}/cancel"));
        let cancel = if n % 2 == 0 { cancel.json(&json!({ "reason": format!("reason {n}") })) } else { cancel };
        Answer::to(cancel).await.accepted();
        orders.push(order);
    }
    for (place, event, status) in [(100, cancelled as fn(&str, i64) -> Value, "CANCELLED"), (50, refunded, "REFUNDED")]
    {
        let ended = orders.remove(place);
        send(&queues, "payments", &event(&ended, 4200).to_string(), &[]).await;
        service.wait_for_status(&ended, status).await;
    }
    // What is taken into account meanwhile leaves the cancellation as it was told.
    send(&queues, "payments", &succeeded(&orders[0], 4200).to_string(), &[]).await;
    queues.expect_empty("payments").await;
    service.stop().await;
    let first_told = take_all(&queues, &orders).await;
    queues.expect_all_empty(&["orders", "orders-dlq", "payments", "payments-dlq"]).await;

    let forgetful = Queues::start().await;
    let service = OrderService::build(settings(&forgetful, &url), forgetful.sqs.clone()).await.unwrap();
    service.tell_pending_again().await.unwrap();
    let service = Service::run(service);
    let expected = orders.iter().map(|order| {
        let cancellation = first_told[order].iter().find(|body| body.contains("order.cancelled.v1")).unwrap();
        (order.clone(), vec![cancellation.clone()])
    });
    let expected: BTreeMap<_, _> = expected.collect();
    assert_eq!(take_all(&forgetful, &orders).await, expected, "the same events, so that they are recognised");
    service.stop().await;
    forgetful.expect_all_empty(&["orders", "orders-dlq", "payments", "payments-dlq"]).await;
}

#[tokio::test]
async fn telling_again_of_what_was_not_told_yet_tells_it_once() {
    let (queues, databases) = (Queues::none_yet().await, Databases::new());
    let url = databases.create_url().await;
    let service = Service::with(&queues.sqs, settings(&queues, &url)).await;
    let orders = [service.place().await, service.place().await, service.place().await];
    service.stop().await;

    queues.create().await;
    let service = OrderService::build(settings(&queues, &url), queues.sqs.clone()).await.unwrap();
    service.tell_pending_again().await.unwrap();
    let service = Service::run(service);
    assert_eq!(told(&queues, &orders).await, once_each(&orders));
    service.stop().await;
    queues.expect_all_empty(&["orders", "orders-dlq"]).await;
}

#[tokio::test]
async fn a_stopped_service_has_closed_its_ports() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    eventually("the service is ready", async || (service.get("/readyz").await.status == 200).then_some(())).await;
    let (http, url, admin_url) = (service.http.clone(), service.url.clone(), service.admin_url.clone());
    service.stop().await;
    for url in [url, admin_url] {
        assert!(http.get(format!("{url}/healthz")).send().await.unwrap_err().is_connect());
    }
}
