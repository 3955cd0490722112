//! One charge per order, however often its message comes.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use contracts::{Currency, OrderCreated};
use testbed::{CountingProvider, Reply, eventually};

use crate::scene::{created, order};
use crate::worker::asking;
use crate::{Scene, Worker};

/// The provider was asked for this order and no other, once, and charged it.
fn assert_asked_once(provider: &CountingProvider, order: &OrderCreated) {
    let key = order.order_id.to_string();
    assert_eq!(provider.asked(&key), 1);
    assert_eq!(provider.executions(), HashMap::from([(key, vec![order.amount])]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_told_fifty_times_at_once_is_charged_once() {
    let scene = Scene::set().await;
    // Slow, so that the other forty-nine come while the first is under way.
    let provider = CountingProvider::deciding(|_, _| Reply::ChargeSlowly(Duration::from_secs(1))).await;
    let order = order(4200);
    scene.queues.send_all("orders", &vec![created(&order); 50]).await;

    let worker = Worker::start(&scene.queues, &scene.database, |settings| {
        asking(&provider)(settings);
        // Its half is how long the others stay away.
        settings.consumer.visibility_timeout = Some(Duration::from_secs(8));
    })
    .await;
    let done = format!("messages_settled_total{{queue=\"{}\",outcome=\"done\"}}", scene.queues.name("orders"));
    eventually("all fifty are done", async || (worker.metric(&done).await == Some(50.0)).then_some(())).await;
    scene.all_told().await;
    worker.stop().await;

    let key = order.order_id.to_string();
    assert_eq!(provider.executions(), HashMap::from([(key.clone(), vec![order.amount])]));
    let rows = scene.rows().await;
    assert_eq!(rows.len(), 1);
    assert_eq!(provider.asked(&key) as i64, rows[0].attempt, "nobody asks without a claim of its own");
    // A machine that stands still for longer than a lease costs a second attempt; no claims at all would cost fifty.
    assert!(rows[0].attempt < 5, "{rows:?}");
    let told = scene.results_now().await;
    assert!(!told.is_empty());
    for result in &told {
        assert_eq!(result.event, told[0].event, "the same event, to the letter");
    }
    scene.at_rest().await;
}

#[tokio::test]
async fn a_redriven_order_that_is_already_paid_is_not_charged_and_its_result_is_told_again() {
    let scene = Scene::set().await;
    let provider = CountingProvider::start().await;
    let order = order(4200);
    let body = created(&order);
    let worker = Worker::start(&scene.queues, &scene.database, asking(&provider)).await;
    scene.queues.send("orders", &body).await;
    let first = scene.results(1).await;
    let row = scene.row(&order).await;

    // A redrive is the same body under a new message id.
    scene.queues.send("orders", &body).await;
    let again = scene.results(1).await;
    worker.stop().await;

    assert_eq!(again[0].event, first[0].event, "the same event, to the letter");
    assert_asked_once(&provider, &order);
    assert_eq!(scene.rows().await, [row]);
    scene.at_rest().await;
}

#[tokio::test]
async fn a_declined_order_that_comes_again_stays_declined() {
    let scene = Scene::set().await;
    let no = r#"{"status":"declined","reason":"insufficient funds"}"#;
    let provider = CountingProvider::deciding(move |_, asked| match asked {
        1 => Reply::Answer(402, vec![], no.to_owned()),
        _ => Reply::Charge,
    })
    .await;
    let order = order(4200);
    let worker = Worker::start(&scene.queues, &scene.database, asking(&provider)).await;
    scene.queues.send("orders", &created(&order)).await;
    let first = scene.results(1).await;
    scene.queues.send("orders", &created(&order)).await;
    let again = scene.results(1).await;
    worker.stop().await;

    assert_eq!(again[0].event.payload, first[0].event.payload);
    assert_eq!(provider.executions(), HashMap::new());
    assert_eq!(scene.row(&order).await.state, "DECLINED");
    scene.at_rest().await;
}

#[tokio::test]
async fn orders_that_come_twice_late_in_another_order_and_with_answers_lost_are_charged_once_each() {
    let scene = Scene::set().await;
    let provider = CountingProvider::start().await;
    let copies = "seed=1,duplicates=0.4,reordered=0.4,late=0.2";
    scene.queues.unkind(copies);
    let orders = scene.place_all(1000..1040).await;
    scene.queues.unkind(&format!("{copies},lost-answers=0.1"));
    let worker = Worker::start(&scene.queues, &scene.database, asking(&provider)).await;
    let charged = async || scene.rows().await.iter().filter(|row| row.state == "SUCCEEDED").count();
    eventually("all are charged", async || (charged().await == orders.len()).then_some(())).await;
    // From here on the test itself asks, and wants answers.
    scene.queues.unkind("seed=1");
    scene.queues.expect_empty("orders").await;
    scene.all_told().await;
    worker.stop().await;

    let mut told = HashSet::new();
    // Copies of what was sent before may still be on their way.
    eventually("all results have come", async || {
        told.extend(scene.results_now().await.into_iter().map(|told| told.event.subject));
        (scene.queues.reported("payments").await == 0).then_some(())
    })
    .await;
    assert_eq!(told, orders.iter().map(|order| order.order_id).collect());
    for order in &orders {
        assert_eq!(provider.executions()[&order.order_id.to_string()], [order.amount]);
    }
    scene.at_rest().await;
}

#[tokio::test]
async fn a_paid_order_that_comes_with_another_amount_or_currency_is_dead_lettered() {
    let scene = Scene::set().await;
    let provider = CountingProvider::start().await;
    let worker = Worker::start(&scene.queues, &scene.database, asking(&provider)).await;
    let order = scene.place(4200).await;
    scene.results(1).await;

    let dearer = OrderCreated { amount: 9900, ..order.clone() };
    let in_euros = OrderCreated { currency: "EUR".parse::<Currency>().unwrap(), ..order.clone() };
    for other in [dearer, in_euros] {
        let body = created(&other);
        scene.queues.send("orders", &body).await;
        let letter = scene.queues.take("orders-dlq").await;
        assert_eq!(letter.attributes["failure-type"], "amount-mismatch");
        assert_eq!(letter.body, body);
    }
    worker.stop().await;

    assert_asked_once(&provider, &order);
    assert_eq!(scene.row(&order).await.amount, 4200);
    scene.at_rest().await;
}

#[tokio::test]
async fn another_amount_is_dead_lettered_while_the_first_is_still_being_charged() {
    let scene = Scene::set().await;
    let provider = CountingProvider::deciding(|_, _| Reply::ChargeSlowly(Duration::from_secs(3))).await;
    let worker = Worker::start(&scene.queues, &scene.database, asking(&provider)).await;
    let order = scene.place(4200).await;
    let key = order.order_id.to_string();
    eventually("the first is under way", async || (provider.asked(&key) == 1).then_some(())).await;
    scene.queues.send("orders", &created(&OrderCreated { amount: 9900, ..order.clone() })).await;
    let letter = scene.queues.take("orders-dlq").await;
    scene.results(1).await;
    worker.stop().await;

    assert_eq!(letter.attributes["failure-type"], "amount-mismatch");
    assert_asked_once(&provider, &order);
    scene.at_rest().await;
}
