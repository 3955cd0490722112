use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Currency, Payload};

/// What the payment service tells on the queue `payments`: the end of an order's charge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum PaymentEvent {
    /// The order has been charged.
    #[serde(rename = "payment.succeeded.v1")]
    Succeeded(PaymentSucceeded),
    /// The order will never be charged.
    #[serde(rename = "payment.declined.v1")]
    Declined(PaymentDeclined),
}

/// A charge that went through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentSucceeded {
    /// The order that was charged.
    pub order_id: Uuid,
    /// The payment service's own id of this payment.
    pub payment_id: Uuid,
    /// What was charged, in minor units.
    pub amount: i64,
    /// The currency of `amount`.
    pub currency: Currency,
}

/// A charge that the provider refused for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentDeclined {
    /// The order that was not charged.
    pub order_id: Uuid,
    /// The payment service's own id of this payment.
    pub payment_id: Uuid,
    /// What would have been charged, in minor units.
    pub amount: i64,
    /// The currency of `amount`.
    pub currency: Currency,
    /// Why, in the provider's words.
    pub reason: String,
}

impl PaymentEvent {
    /// The payment service's id of the payment.
    pub fn payment_id(&self) -> Uuid {
        match self {
            Self::Succeeded(payment) => payment.payment_id,
            Self::Declined(payment) => payment.payment_id,
        }
    }
}

impl Payload for PaymentEvent {
    const TYPES: &'static [&'static str] = &["payment.succeeded.v1", "payment.declined.v1"];

    fn subject(&self) -> Uuid {
        match self {
            Self::Succeeded(payment) => payment.order_id,
            Self::Declined(payment) => payment.order_id,
        }
    }
}
