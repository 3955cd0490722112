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

impl Payload for OrderEvent {
    const TYPES: &'static [&'static str] = &["order.created.v1"];

    fn subject(&self) -> Uuid {
        let Self::Created(order) = self;
        order.order_id
    }

    fn fault(&self) -> Option<String> {
        let Self::Created(order) = self;
        if order.amount <= 0 {
            return Some("amount must be greater than zero".to_owned());
        }
        // It would be charged a hundredfold, or a tenth.
        order.currency.fault().map(|fault| format!("currency {fault}"))
    }
}
