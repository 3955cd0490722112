//! An order that is taken back: before, while and after it is charged.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use contracts::{OrderCreated, PaymentEvent};
use outbox::Outbox;
use payment_service::ledger::{Claimed, Ledger};
use serde_json::{Value, json};
use sqs::TraceContext;
use testbed::{CountingProvider, Reply, eventually, http_client};

use crate::scene::{Told, cancelled, created, order};
use crate::worker::asking;
use crate::{Scene, Worker};

const CANCELLED: &str = include_str!("../../../crates/contracts/examples/payment.cancelled.v1.json");
const REFUNDED: &str = include_str!("../../../crates/contracts/examples/payment.refunded.v1.json");

/// Checks a result against the contract's example, field by field: nothing is missing, nothing is there beside it.
fn assert_is_like(example: &str, told: &Told, order: &OrderCreated, ids: &[(&str, &str)]) {
    let mut expected: Value = serde_json::from_str(example).unwrap();
    expected["id"] = json!(told.event.id);
    expected["time"] = json!(format!("{:.3}", told.event.time));
    expected["subject"] = json!(order.order_id);
    expected["data"]["orderId"] = json!(order.order_id);
    expected["data"]["amount"] = json!(order.amount);
    for (name, id) in ids {
        expected["data"][*name] = json!(id);
    }
    assert_eq!(serde_json::from_str::<Value>(&told.message.body).unwrap(), expected);
}

#[tokio::test]
async fn an_order_that_is_taken_back_after_its_charge_is_refunded_once_and_told_each_time() {
    let scene = Scene::set().await;
    let provider = CountingProvider::start().await;
    let worker = Worker::start(&scene.queues, &scene.database, asking(&provider)).await;
    let order = scene.place(4200).await;
    scene.results(1).await;

    scene.queues.send("orders", &cancelled(&order)).await;
    let first = scene.results(1).await;
    let row = scene.row(&order).await;
    // Again, and the order itself too.
    for body in [cancelled(&order), created(&order)] {
        scene.all_told().await;
        scene.queues.send("orders", &body).await;
        assert_eq!(scene.results(1).await[0].event, first[0].event, "the same event, to the letter");
    }
    worker.stop().await;

    let key = order.order_id.to_string();
    assert_eq!(row.state, "REFUNDED");
    assert_eq!(row.provider_refund_id, Some(format!("refund-{key}")));
    let refund_id = row.refund_id.clone().unwrap();
    assert_is_like(REFUNDED, &first[0], &order, &[("paymentId", &row.payment_id), ("refundId", &refund_id)]);
    assert_eq!(provider.executions(), HashMap::from([(key.clone(), vec![4200])]));
    assert_eq!(provider.refunds(), HashMap::from([(key.clone(), vec![4200])]));
    assert_eq!((provider.asked(&key), provider.asked(&format!("refund-{key}"))), (1, 1));
    assert_eq!(scene.rows().await, [row]);
    scene.at_rest().await;
}

#[tokio::test]
async fn a_cancellation_that_comes_first_keeps_the_order_after_it_from_being_charged() {
    let scene = Scene::set().await;
    let provider = CountingProvider::start().await;
    let worker = Worker::start(&scene.queues, &scene.database, asking(&provider)).await;
    let order = order(4200);
    scene.queues.send("orders", &cancelled(&order)).await;
    let first = scene.results(1).await;
    assert_is_like(CANCELLED, &first[0], &order, &[]);
    for body in [created(&order), cancelled(&order), created(&order)] {
        scene.all_told().await;
        scene.queues.send("orders", &body).await;
        assert_eq!(scene.results(1).await[0].event, first[0].event, "the same event, to the letter");
    }
    for (counted, times) in [
        ("refunds_total{outcome=\"not-charged\"}", 2.0),
        ("refunds_total{outcome=\"duplicate\"}", 0.0),
        ("charges_total{outcome=\"duplicate\"}", 2.0),
    ] {
        eventually(counted, async || worker.metric(counted).await.filter(|counted| *counted == times)).await;
    }
    worker.stop().await;

    let key = order.order_id.to_string();
    assert_eq!((provider.asked(&key), provider.asked(&format!("refund-{key}"))), (0, 0));
    assert_eq!(scene.row(&order).await.state, "CANCELLED");
    scene.at_rest().await;
}

#[tokio::test]
async fn a_cancellation_that_meets_a_charge_under_way_waits_for_its_end_and_uses_up_no_receive() {
    let scene = Scene::set().await;
    let provider = CountingProvider::deciding(|_, _| Reply::ChargeSlowly(Duration::from_secs(2))).await;
    let worker = Worker::start(&scene.queues, &scene.database, |settings| {
        asking(&provider)(settings);
        // Its half is how long the cancellation stays away.
        settings.consumer.visibility_timeout = Some(Duration::from_secs(6));
    })
    .await;
    let order = scene.place(4200).await;
    let key = order.order_id.to_string();
    eventually("the charge is under way", async || (provider.asked(&key) == 1).then_some(())).await;
    scene.queues.send("orders", &cancelled(&order)).await;
    let told = scene.results(2).await;
    let orders = scene.queues.name("orders");
    let received = format!(
        "messaging_client_consumed_messages_total{{messaging_operation_name=\"receive\",messaging_destination_name=\"{orders}\"}}"
    );
    assert_eq!(worker.metric(&received).await, Some(2.0));
    let retried = format!("messages_settled_total{{queue=\"{orders}\",outcome=\"retry\"}}");
    assert_eq!(worker.metric(&retried).await, Some(0.0));
    assert_eq!(worker.metric("refunds_total{outcome=\"refunded\"}").await, Some(1.0));
    worker.stop().await;

    let told: Vec<_> = told.iter().map(|told| &told.event.payload).collect();
    assert!(matches!(told[..], [PaymentEvent::Succeeded(_), PaymentEvent::Refunded(_)]), "{told:?}");
    assert_eq!(provider.refunds(), HashMap::from([(key, vec![4200])]));
    scene.at_rest().await;
}

#[tokio::test]
async fn a_declined_order_that_is_taken_back_is_cancelled_and_the_provider_is_not_asked() {
    let scene = Scene::set().await;
    let no = r#"{"status":"declined","reason":"insufficient funds"}"#.to_owned();
    let provider = CountingProvider::deciding(move |_, _| Reply::Answer(402, vec![], no.clone())).await;
    let worker = Worker::start(&scene.queues, &scene.database, asking(&provider)).await;
    let order = scene.place(4200).await;
    scene.results(1).await;
    scene.queues.send("orders", &cancelled(&order)).await;
    let told = scene.results(1).await;
    worker.stop().await;
    assert_is_like(CANCELLED, &told[0], &order, &[]);
    assert_eq!(provider.asked(&format!("refund-{}", order.order_id)), 0);
    scene.at_rest().await;
}

/// A worker has claimed the order, and has not been heard of since.
async fn abandoned(scene: &Scene, order: &OrderCreated) {
    let ledger = Ledger::new(scene.books(), Outbox::new(scene.books(), usize::MAX));
    let claimed = ledger.claim(order.clone(), Duration::from_millis(1), TraceContext::root()).await.unwrap();
    assert!(matches!(claimed, Claimed::Won(_)), "{claimed:?}");
}

#[tokio::test]
async fn of_a_worker_that_died_while_charging_only_the_provider_knows_whether_there_is_something_to_refund() {
    let scene = Scene::set().await;
    let provider = CountingProvider::start().await;
    let [charged, not_charged] = [order(4200), order(4300)];
    for order in [&charged, &not_charged] {
        abandoned(&scene, order).await;
    }
    let key = charged.order_id.to_string();
    let body = json!({ "orderId": key, "userId": "dev-user", "amount": 4200, "currency": "USD" });
    let charge = http_client().post(format!("{}/charges", provider.url())).header("idempotency-key", &key).json(&body);
    assert_eq!(charge.send().await.unwrap().status(), 201);

    let worker = Worker::start(&scene.queues, &scene.database, asking(&provider)).await;
    for order in [&charged, &not_charged] {
        scene.queues.send("orders", &cancelled(order)).await;
    }
    scene.results(2).await;
    // The order comes again: its message was never deleted.
    scene.queues.send_all("orders", &[created(&charged), created(&not_charged)]).await;
    scene.results(2).await;
    worker.stop().await;

    assert_eq!(scene.row(&charged).await.state, "REFUNDED");
    assert_eq!(scene.row(&not_charged).await.state, "CANCELLED");
    assert_eq!(provider.refunds(), HashMap::from([(key.clone(), vec![4200])]));
    assert_eq!(provider.executions(), HashMap::from([(key, vec![4200])]));
    assert!(provider.has_voided(&not_charged.order_id.to_string()));
    scene.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_and_cancellations_many_times_at_once_with_answers_lost_end_alike_at_the_provider_and_here() {
    let scene = Scene::set().await;
    let lost = |request: &Value, asked: usize| match request["amount"].as_u64() {
        Some(amount) if amount.is_multiple_of(3) && asked == 1 => Reply::ChargeAndHangUp,
        _ => Reply::Charge,
    };
    let provider = CountingProvider::deciding_both(lost, lost).await;
    let mut workers = Vec::new();
    for _ in 0..2 {
        let worker = Worker::start(&scene.queues, &scene.database, |settings| {
            asking(&provider)(settings);
            settings.consumer.visibility_timeout = Some(Duration::from_secs(8));
        });
        workers.push(worker.await);
    }
    let orders: Vec<_> = (0..20).map(|n| order(1000 + n)).collect();
    let mut bodies = Vec::new();
    for (n, order) in orders.iter().enumerate() {
        let mut four = vec![created(order), created(order), cancelled(order), cancelled(order)];
        four.rotate_left(n % 4);
        bodies.extend(four);
    }
    scene.queues.send_all("orders", &bodies).await;
    scene.queues.expect_empty("orders").await;
    scene.all_told().await;
    for worker in workers {
        worker.stop().await;
    }

    let (executions, refunds) = (provider.executions(), provider.refunds());
    assert_eq!(executions, refunds, "what was charged was given back, once");
    for order in &orders {
        let (row, key) = (scene.row(order).await, order.order_id.to_string());
        let expected = if executions.contains_key(&key) { "REFUNDED" } else { "CANCELLED" };
        assert_eq!(row.state, expected, "{row:?}");
    }
    let ends = |told: &Told| matches!(told.event.payload, PaymentEvent::Cancelled(_) | PaymentEvent::Refunded(_));
    let told: HashSet<_> =
        scene.results_now().await.iter().filter(|told| ends(told)).map(|told| told.event.subject).collect();
    assert_eq!(told, orders.iter().map(|order| order.order_id).collect());
    scene.at_rest().await;
}

#[tokio::test]
async fn a_cancellation_of_another_amount_is_dead_lettered_and_changes_nothing() {
    let scene = Scene::set().await;
    let provider = CountingProvider::start().await;
    let worker = Worker::start(&scene.queues, &scene.database, asking(&provider)).await;
    let order = scene.place(4200).await;
    scene.results(1).await;
    let row = scene.row(&order).await;
    let body = cancelled(&OrderCreated { amount: 9900, ..order.clone() });
    scene.queues.send("orders", &body).await;
    let letter = scene.queues.take("orders-dlq").await;
    worker.stop().await;
    assert_eq!((letter.attributes["failure-type"].as_str(), letter.body), ("amount-mismatch", body));
    assert_eq!((scene.row(&order).await, provider.refunds()), (row, HashMap::new()));
    scene.at_rest().await;
}

#[tokio::test]
async fn the_simulated_refund_of_95_cents_fails_twice_and_then_succeeds() {
    let scene = Scene::set().await;
    let worker = Worker::start(&scene.queues, &scene.database, |_| {}).await;
    let order = scene.place(4295).await;
    scene.results(1).await;
    scene.queues.send("orders", &cancelled(&order)).await;
    let told = scene.results(1).await;
    assert_eq!(worker.metric("refunds_total{outcome=\"failed\"}").await, Some(2.0));
    worker.stop().await;
    assert!(matches!(told[0].event.payload, PaymentEvent::Refunded(_)), "{told:?}");
    scene.at_rest().await;
}
