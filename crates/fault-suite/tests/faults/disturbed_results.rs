//! Results come late, twice, in any order, for orders that nobody knows, or against what is final already.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use contracts::{Event, PaymentDeclined, PaymentEvent, PaymentSucceeded};
use fault_suite::{Accepted, Books, Extent, Outcome, Provider, Scene, judge, patiently, place};
use jiff::Timestamp;
use testbed::eventually;
use uuid::Uuid;

pub(crate) async fn run(extent: Extent) -> Outcome {
    let orders = extent.pick(40, 400);
    let scene = Scene::new(Provider::usual().await).await;
    let order_service = scene.order_service().await;
    let accepted = place(&scene, orders).await;
    eventually("all orders in the queue", async || (scene.queues.reported("orders").await == orders).then_some(()))
        .await;
    scene.kill_order_service(order_service).await;

    // The real results, each three times, shuffled, among others that mean nothing.
    let _worker = scene.worker().await;
    let results = scene.drain("payments", orders).await;
    let mut disturbed: Vec<String> = results.iter().flat_map(|result| vec![result.clone(); 3]).collect();
    disturbed.extend(results.iter().map(|result| about(result, |id, _| (id, Uuid::now_v7(), None))));
    disturbed.push("not an event".to_owned());
    disturbed.push(results[0].replace(".v1\"", ".v9\""));
    fastrand::shuffle(&mut disturbed);
    scene.queues.send_all("payments", &disturbed).await;
    let _order_service = scene.order_service().await;
    wait_until_ended(&scene).await;
    dead_letters(&scene, orders + 2).await;

    // Against what is final: the other end, and another amount.
    let ended = statuses(&scene).await;
    let mut against: Vec<String> = accepted.iter().map(contradiction).collect();
    against.extend(results.iter().map(|result| about(result, |id, amount| (id, id, Some(amount + 1)))));
    scene.queues.send_all("payments", &against).await;
    dead_letters(&scene, against.len()).await;
    assert_eq!(statuses(&scene).await, ended, "a final status has changed");
    Outcome::Held(judge(&scene, &accepted, disturbed.len() + against.len(), Instant::now()).await)
}

/// The same result, but about another payment, order or amount.
fn about(result: &str, change: impl Fn(Uuid, i64) -> (Uuid, Uuid, Option<i64>)) -> String {
    let mut event = Event::<PaymentEvent>::decode(result).unwrap();
    let (order_id, amount) = match &mut event.payload {
        PaymentEvent::Succeeded(payment) => (&mut payment.order_id, &mut payment.amount),
        PaymentEvent::Declined(payment) => (&mut payment.order_id, &mut payment.amount),
        PaymentEvent::Cancelled(payment) => (&mut payment.order_id, &mut payment.amount),
        PaymentEvent::Refunded(payment) => (&mut payment.order_id, &mut payment.amount),
    };
    let (_, other_order, other_amount) = change(*order_id, *amount);
    *order_id = other_order;
    *amount = other_amount.unwrap_or(*amount);
    event.subject = other_order;
    event.encode()
}

/// What the order's result would be, had it ended the other way.
fn contradiction(order: &Accepted) -> String {
    let (order_id, payment_id) = (order.order_id.parse().unwrap(), Uuid::now_v7());
    let (amount, currency) = (order.amount, "USD".parse().unwrap());
    let payload = if order.is_declined() {
        PaymentEvent::Succeeded(PaymentSucceeded { order_id, payment_id, amount, currency })
    } else {
        let reason = "no funds".to_owned();
        PaymentEvent::Declined(PaymentDeclined { order_id, payment_id, amount, currency, reason })
    };
    Event::new(payment_id, "/payment-service", Timestamp::now(), payload).encode()
}

async fn wait_until_ended(scene: &Scene) {
    patiently("no pending order", async || (Books::unfinished(scene).await.ok()?.0 == 0).then_some(())).await;
}

async fn statuses(scene: &Scene) -> std::collections::BTreeMap<String, (i64, String)> {
    eventually("the books", async || Books::read(scene).await.ok()).await.orders
}

/// Waits until all disturbances are dead letters, exactly so many, each with its reason; then throws them away. A letter may
/// be there twice, if its lease was lost before its message could be deleted.
async fn dead_letters(scene: &Scene, expected: usize) {
    scene.queues.expect_empty("payments").await;
    let mut found = BTreeSet::new();
    loop {
        let letters = scene.queues.receive("payments-dlq", Duration::from_secs(1), Duration::from_secs(600)).await;
        if letters.is_empty() {
            break;
        }
        for letter in letters {
            assert!(letter.attributes.contains_key("failure-reason"), "{letter:?}");
            found.insert(letter.body);
        }
    }
    assert_eq!(found.len(), expected, "dead letters");
    scene.dlq(&["purge", "--yes", "--queue", "payments"]).await;
}
