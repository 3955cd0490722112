//! The events on the queues, as the payment service sees and sends them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use sqs::OutgoingMessage;
use testbed::{QueueMessage, Queues, eventually};

const SUCCEEDED: &str = include_str!("../../../crates/contracts/examples/payment.succeeded.v1.json");
const DECLINED: &str = include_str!("../../../crates/contracts/examples/payment.declined.v1.json");

const CANCELLED: &str = include_str!("../../../crates/contracts/examples/payment.cancelled.v1.json");
const REFUNDED: &str = include_str!("../../../crates/contracts/examples/payment.refunded.v1.json");

/// That order was taken back, and nothing was charged.
pub(crate) fn cancelled(order_id: &str, amount: i64) -> Value {
    about(CANCELLED, order_id, amount)
}

/// That order was taken back, and what was charged has been given back.
pub(crate) fn refunded(order_id: &str, amount: i64) -> Value {
    about(REFUNDED, order_id, amount)
}

/// A charge of that order went through.
pub(crate) fn succeeded(order_id: &str, amount: i64) -> Value {
    about(SUCCEEDED, order_id, amount)
}

/// A charge of that order was declined.
pub(crate) fn declined(order_id: &str, amount: i64) -> Value {
    about(DECLINED, order_id, amount)
}

fn about(example: &str, order_id: &str, amount: i64) -> Value {
    let mut event: Value = serde_json::from_str(example).unwrap();
    event["subject"] = json!(order_id);
    event["data"]["orderId"] = json!(order_id);
    event["data"]["amount"] = json!(amount);
    event
}

/// Sends a message and returns the id that SQS gave it.
pub(crate) async fn send(queues: &Queues, queue: &str, body: &str, attributes: &[(&str, &str)]) -> String {
    let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let message = OutgoingMessage::new(body).with_attributes(attributes.collect());
    queues.queue(queue).send(&[message]).await.unwrap().remove(0).unwrap()
}

/// The order that a message is about.
fn subject(message: &QueueMessage) -> String {
    let event: Value = serde_json::from_str(&message.body).unwrap();
    event["subject"].as_str().unwrap().to_owned()
}

/// Takes messages out of `orders` until each of the given orders has had one, then all that are left; returns their
/// bodies by order.
pub(crate) async fn take_all(queues: &Queues, orders: &[String]) -> BTreeMap<String, Vec<String>> {
    let mut taken = BTreeMap::<String, Vec<String>>::new();
    let mut take = async || {
        let messages = queues.receive("orders", Duration::from_secs(1), Duration::from_secs(30)).await;
        for message in &messages {
            taken.entry(subject(message)).or_default().push(message.body.clone());
            queues.delete("orders", &message.receipt_handle).await;
        }
        let all = orders.iter().all(|order| taken.contains_key(order));
        (all && queues.reported("orders").await == 0).then_some(())
    };
    eventually(&format!("the events of {orders:?}"), async || take().await).await;
    taken
}

/// The same; returns how many messages there were of each order.
pub(crate) async fn told(queues: &Queues, orders: &[String]) -> BTreeMap<String, usize> {
    take_all(queues, orders).await.into_iter().map(|(order, bodies)| (order, bodies.len())).collect()
}

/// Each of the given orders, once.
pub(crate) fn once_each(orders: &[String]) -> BTreeMap<String, usize> {
    orders.iter().map(|order| (order.clone(), 1)).collect()
}
