use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Currency, Payload};

/// What the order service tells on the queue `orders`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum OrderEvent {
    /// An order has been accepted and is to be paid.
    #[serde(rename = "order.created.v1")]
    Created(OrderCreated),
    /// An accepted order is not to be paid after all; if it has been, what was charged is to be given back.
    #[serde(rename = "order.cancelled.v1")]
    Cancelled(OrderCancelled),
}

/// An accepted order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderCreated {
    /// The order; also the idempotency key of its charge.
    pub order_id: Uuid,
    /// Who ordered.
    pub user_id: String,
    /// What is to be paid, in minor units; greater than zero.
    pub amount: i64,
    /// The currency of `amount`.
    pub currency: Currency,
}

/// An order that its client has taken back. It tells all of the order, for it may come before the order does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderCancelled {
    /// The order as it was accepted.
    #[serde(flatten)]
    pub order: OrderCreated,
    /// Why, in the client's words, if it said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl OrderEvent {
    /// The order that it is about.
    pub fn order(&self) -> &OrderCreated {
        match self {
            Self::Created(order) | Self::Cancelled(OrderCancelled { order, .. }) => order,
        }
    }
}

impl Payload for OrderEvent {
    const TYPES: &'static [&'static str] = &["order.created.v1", "order.cancelled.v1"];

    fn subject(&self) -> Uuid {
        self.order().order_id
    }

    fn fault(&self) -> Option<String> {
        let order = self.order();
        if order.amount <= 0 {
            return Some("amount must be greater than zero".to_owned());
        }
        // It would be charged a hundredfold, or a tenth.
        order.currency.fault().map(|fault| format!("currency {fault}"))
    }
}
