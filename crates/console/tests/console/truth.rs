//! The state tells the truth.

use serde_json::Value;

use crate::scene::{World, moved, place};

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_seen_on_its_way_and_at_its_end_with_the_time_that_it_took() {
    let world = World::start().await;
    let mut page = world.open().await;
    for id in ["order-service", "payment-service", "results", "orders", "payments"] {
        page.until_place(id, "up").await;
    }
    assert_eq!(place(&page.next().await, "provider")["status"], "unknown", "nobody has asked it");

    let id = world.place("paid").await;
    let order = page.until_order(&id, "PAID").await;
    let ways = [
        ("client", "order-service"),
        ("order-service", "orders-outbox"),
        ("orders-outbox", "orders"),
        ("orders", "payment-service"),
        ("payment-service", "provider"),
        ("payment-service", "payments-outbox"),
        ("payments-outbox", "payments"),
        ("payments", "results"),
        ("results", "order-service"),
    ];
    let once = |state: &Value| ways.iter().all(|(from, to)| moved(state, from, to) == 1).then_some(());
    page.until("the order has gone each way once", once).await;
    assert!(order["tookMs"].as_i64().is_some_and(|took| took > 0), "{order}");
    assert_eq!((&order["final"], &order["cancellable"]), (&Value::Bool(true), &Value::Bool(true)));
    let state = page.next().await;
    assert_eq!(place(&state, "provider")["status"], "up");
    assert!(place(&state, "orders")["dwell"]["p50"].is_number(), "{state:#}");
    assert_eq!(state["cost"]["orders"], 1.0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_seen_with_its_reason_and_belongs_to_its_order() {
    let world = World::start().await;
    let mut page = world.open().await;
    world.scene.queues.send("orders", "<b>not an event</b>").await;
    let poison = page.until("the poison message", |state| letter(state, "undecodable")).await;
    assert_eq!(poison["excerpt"], "<b>not an event</b>");
    assert!(poison["reason"].as_str().is_some_and(|reason| !reason.is_empty()) && poison["sentAt"].is_string());

    let id = world.place("failing").await;
    let exhausted = page.until("the failing order", |state| letter(state, "exhausted")).await;
    assert_eq!(exhausted["orderId"], id);
    let order = page.until_order(&id, "PENDING").await;
    assert_eq!(order["deadLetter"]["messageId"], exhausted["messageId"]);
    let dlq = page.next().await;
    assert_eq!(place(&dlq, "orders-dlq")["now"], 2.0);
    assert!(place(&dlq, "orders-dlq")["dwell"]["p99"].is_number(), "how long ago the oldest was sent");
    world.stop().await;
}

fn letter(state: &Value, kind: &str) -> Option<Value> {
    let letters = state["deadLetters"]["queues"][0]["letters"].as_array()?;
    letters.iter().find(|letter| letter["kind"] == kind).cloned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_gone_is_away_and_its_figures_keep_their_time() {
    let world = World::start().await;
    let mut page = world.open().await;
    page.until_place("payment-service", "up").await;
    let World { payments, .. } = world;
    payments.stop().await;
    let gone = page.until_place("payment-service", "away").await;
    assert_eq!(gone["words"], "does not answer");
    let (before, after) = (page.next().await, page.next().await);
    let measured = |state: &Value| place(state, "payment-service")["asOf"].clone();
    assert!(measured(&before).is_string());
    assert_eq!(measured(&before), measured(&after));
    assert_ne!(before["at"], after["at"]);
    assert_eq!(place(&after, "order-service")["status"], "up");
    // What only it counts is not known, which is not the same as none.
    for id in ["payment-service", "orders", "provider", "payments-outbox"] {
        assert!(place(&after, id)["perSecond"].is_null(), "{id}: {after:#}");
    }
    assert!(place(&after, "order-service")["perSecond"].is_number(), "{after:#}");
    assert_eq!(place(&after, "provider")["status"], "unknown");
    // Orders go on being taken, and wait where they are seen.
    let api = &world.api;
    let order = serde_json::json!({ "userId": "dev-user", "total": 42.00 });
    let placed = testbed::http_client().post(format!("{api}/orders")).json(&order).send().await.unwrap();
    assert_eq!(placed.status(), 202);
    page.until("it waits in the queue", |state| (place(state, "orders")["now"] == 1.0).then_some(())).await;
    world.page.stop().await;
    world.orders.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_service_that_is_gone_leaves_the_last_orders_and_says_so() {
    let world = World::start().await;
    let mut page = world.open().await;
    let id = world.place("paid").await;
    page.until_order(&id, "PAID").await;
    let World { orders, .. } = world;
    orders.stop().await;
    page.until_place("order-service", "away").await;
    let said = page.until("why there is no list", |state| state["orders"]["problem"].as_str().map(str::to_owned)).await;
    assert!(said.contains("does not answer"), "{said}");
    page.until_order(&id, "PAID").await;
    world.page.stop().await;
    world.payments.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_console_asks_sqs_nothing_whoever_looks() {
    let world = World::start().await;
    let asked = || world.scene.proxy.calls().len();
    assert_eq!(asked(), 0, "nobody looks");
    let mut page = world.open().await;
    let read = |state: &Value| state["deadLetters"]["asOf"].as_str().map(str::to_owned);
    page.until("the dead letters have been read", read).await;
    // The looks end by themselves: seconds in which each is twice as far away as the one before.
    let (mut last, mut same) = (asked(), 0);
    while same < 20 {
        page.next().await;
        same = if asked() == last { same + 1 } else { 0 };
        last = asked();
    }
    assert!(last <= 8 + 4 * 4, "{last} requests to find four queues and look at them until they are quiet");
    world.stop().await;
}
