//! Several workers on one database and one queue, and what keeps them apart.

use std::collections::BTreeSet;
use std::time::Duration;

use outbox::Outbox;
use payment_service::ledger::{Attempt, Claimed, Conclusion, Ledger, Settled};
use sqlx::{AnyConnection, Connection};
use sqs::TraceContext;
use testbed::{CountingProvider, Reply, eventually, never};
use tokio::time::sleep;

use crate::scene::{created, order};
use crate::worker::asking;
use crate::{Scene, Worker};

/// So few messages at once that no worker could take all orders by itself.
const CONCURRENCY: usize = 10;

/// Sends 200 orders twice each to `workers` workers.
async fn each_of_200_orders_is_charged_once_by(workers: usize) {
    let scene = Scene::set().await;
    let provider = CountingProvider::deciding(|_, _| Reply::ChargeSlowly(Duration::from_millis(50))).await;
    let mut running = Vec::new();
    for _ in 0..workers {
        let worker = Worker::start(&scene.queues, &scene.database, |settings| {
            asking(&provider)(settings);
            settings.consumer.concurrency = CONCURRENCY;
            // Its half is how long the second message of an order stays away while the first is handled.
            settings.consumer.visibility_timeout = Some(Duration::from_secs(8));
        });
        running.push(worker.await);
    }
    let orders: Vec<_> = (0..200).map(|n| order(1000 + n)).collect();
    let bodies: Vec<String> = orders.iter().map(created).collect();
    // The second message of an order right behind its first, where another worker is likely to get it.
    let twice: Vec<String> = bodies.iter().flat_map(|body| [body.clone(), body.clone()]).collect();
    scene.queues.send_all("orders", &twice).await;

    let done = format!("messages_settled_total{{queue=\"{}\",outcome=\"done\"}}", scene.queues.name("orders"));
    eventually("all 400 messages are done", async || {
        let mut sum = 0.0;
        for worker in &running {
            sum += worker.metric(&done).await.unwrap_or(0.0);
        }
        (sum >= 400.0).then_some(())
    })
    .await;
    scene.all_told().await;
    for worker in running {
        assert!(worker.metric("charges_total{outcome=\"succeeded\"}").await > Some(0.0), "each had its share");
        worker.stop().await;
    }

    let executions = provider.executions();
    assert_eq!(executions.len(), 200);
    let mut attempts = 0;
    for order in &orders {
        let key = order.order_id.to_string();
        assert_eq!(executions[&key], [order.amount]);
        let attempt = scene.row(order).await.attempt;
        assert_eq!(provider.asked(&key) as i64, attempt, "nobody asks without a claim of its own");
        attempts += attempt;
    }
    // A machine that stands still for longer than a lease costs a second attempt; two workers at once would cost 200.
    assert!(attempts < 250, "{attempts}");
    let told: BTreeSet<_> = scene.results_now().await.into_iter().map(|told| told.event.subject).collect();
    assert_eq!(told, orders.iter().map(|order| order.order_id).collect());
    scene.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_charge_each_order_once() {
    each_of_200_orders_is_charged_once_by(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_workers_charge_each_order_once() {
    each_of_200_orders_is_charged_once_by(3).await;
}

async fn won(ledger: &Ledger, order: &contracts::OrderCreated, lease: Duration) -> Attempt {
    eventually("the claim is free", async || {
        match ledger.claim(order.clone(), lease, TraceContext::root()).await.unwrap() {
            Claimed::Won(attempt) => Some(attempt),
            Claimed::Busy(_) => None,
            other => panic!("{other:?}"),
        }
    })
    .await
}

#[tokio::test]
async fn an_attempt_that_was_paused_beyond_its_lease_writes_nothing() {
    let scene = Scene::set().await;
    let ledger = Ledger::new(scene.books(), Outbox::new(scene.books(), usize::MAX));
    let order = order(4200);
    let paused = won(&ledger, &order, Duration::from_millis(1)).await;
    let second = won(&ledger, &order, Duration::from_secs(60)).await;
    assert_eq!((paused.number, second.number), (1, 2));
    assert_eq!(paused.payment_id, second.payment_id, "one payment, whoever concludes it");
    let before = scene.row(&order).await;

    let declined = Conclusion::Declined { reason: "insufficient funds".to_owned() };
    assert_eq!(ledger.settle(paused, declined, TraceContext::root()).await.unwrap(), Settled::Fenced);
    assert!(!ledger.renew(paused, Duration::from_secs(600)).await.unwrap());
    assert!(!ledger.release(paused).await.unwrap());
    assert_eq!((scene.row(&order).await, scene.outbox().await), (before, 0), "nothing was written");

    let succeeded = || Conclusion::Succeeded { charge_id: "charge-2".to_owned() };
    assert_eq!(ledger.settle(second, succeeded(), TraceContext::root()).await.unwrap(), Settled::Now);
    let row = scene.row(&order).await;
    assert_eq!((row.state.as_str(), row.charge_id.as_deref()), ("SUCCEEDED", Some("charge-2")));
    assert_eq!(scene.outbox().await, 1);
    // A conclusion is final, for its own attempt too.
    assert_eq!(ledger.settle(second, succeeded(), TraceContext::root()).await.unwrap(), Settled::Fenced);

    // Any worker tells what is in the outbox.
    let worker = Worker::start(&scene.queues, &scene.database, |_| {}).await;
    let told = scene.results(1).await;
    worker.stop().await;
    assert_eq!(told[0].event.payload.payment_id(), Some(second.payment_id));
    scene.at_rest().await;
}

#[tokio::test]
async fn a_claim_is_busy_for_others_until_its_lease_ends() {
    let scene = Scene::set().await;
    let ledger = Ledger::new(scene.books(), Outbox::new(scene.books(), usize::MAX));
    let order = order(4200);
    let lease = Duration::from_secs(60);
    let first = won(&ledger, &order, lease).await;
    let Claimed::Busy(left) = ledger.claim(order.clone(), lease, TraceContext::root()).await.unwrap() else {
        panic!("two attempts at once");
    };
    assert!(left <= lease && !left.is_zero());
    assert_eq!(scene.row(&order).await.attempt, 1);

    assert!(ledger.release(first).await.unwrap());
    assert_eq!(won(&ledger, &order, Duration::ZERO).await.number, 2);
    scene.at_rest_but_for(&[&order]).await;
}

#[tokio::test]
async fn a_claim_that_had_to_wait_for_its_row_is_whole_once_it_is_won() {
    let scene = Scene::set().await;
    let ledger = Ledger::new(scene.books(), Outbox::new(scene.books(), usize::MAX));
    let order = order(4200);
    let first = won(&ledger, &order, Duration::from_secs(60)).await;
    assert!(ledger.release(first).await.unwrap());

    let mut other = AnyConnection::connect(&scene.database_url).await.unwrap();
    sqlx::raw_sql("BEGIN; UPDATE payments SET amount = amount").execute(&mut other).await.unwrap();
    // Less than SQLite waits for a lock.
    let lease = Duration::from_secs(2);
    let waiting = tokio::spawn({
        let (ledger, order) = (ledger.clone(), order.clone());
        async move {
            loop {
                match ledger.claim(order.clone(), lease, TraceContext::root()).await {
                    // PostgreSQL says so before long, and it is tried again.
                    Err(error) if error.is_locked() => {}
                    claimed => break claimed.unwrap(),
                }
            }
        }
    });
    never("it does not wait", sleep(lease * 3 / 2), async || waiting.is_finished()).await;
    sqlx::raw_sql("COMMIT").execute(&mut other).await.unwrap();
    let Claimed::Won(attempt) = waiting.await.unwrap() else { panic!("the row was free") };
    let again = ledger.claim(order.clone(), lease, TraceContext::root()).await.unwrap();
    assert!(matches!(again, Claimed::Busy(left) if left >= lease / 2), "{again:?}");
    assert!(ledger.release(attempt).await.unwrap());
    scene.at_rest_but_for(&[&order]).await;
}
