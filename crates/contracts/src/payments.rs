use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Currency, Payload};

/// What the payment service tells on the queue `payments`: the end of an order's charge, or of its cancellation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum PaymentEvent {
    /// The order has been charged.
    #[serde(rename = "payment.succeeded.v1")]
    Succeeded(PaymentSucceeded),
    /// The order will never be charged.
    #[serde(rename = "payment.declined.v1")]
    Declined(PaymentDeclined),
    /// The order was taken back: nothing was charged, and nothing will be.
    #[serde(rename = "payment.cancelled.v1")]
    Cancelled(PaymentCancelled),
    /// The order was taken back: what was charged has been given back.
    #[serde(rename = "payment.refunded.v1")]
    Refunded(PaymentRefunded),
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

/// An order that nothing was charged for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentCancelled {
    /// The order that was taken back.
    pub order_id: Uuid,
    /// What would have been charged, in minor units.
    pub amount: i64,
    /// The currency of `amount`.
    pub currency: Currency,
}

/// A charge that was given back, whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentRefunded {
    /// The order that was taken back.
    pub order_id: Uuid,
    /// The payment service's own id of the payment.
    pub payment_id: Uuid,
    /// The payment service's own id of the refund.
    pub refund_id: Uuid,
    /// What was charged and given back, in minor units.
    pub amount: i64,
    /// The currency of `amount`.
    pub currency: Currency,
}

impl PaymentEvent {
    /// The payment service's id of the payment; none: there was none.
    pub fn payment_id(&self) -> Option<Uuid> {
        match self {
            Self::Succeeded(payment) => Some(payment.payment_id),
            Self::Declined(payment) => Some(payment.payment_id),
            Self::Cancelled(_) => None,
            Self::Refunded(payment) => Some(payment.payment_id),
        }
    }

    /// How much it is about, in minor units, and in which currency: as the order has it.
    pub fn amount(&self) -> (i64, Currency) {
        match self {
            Self::Succeeded(payment) => (payment.amount, payment.currency),
            Self::Declined(payment) => (payment.amount, payment.currency),
            Self::Cancelled(payment) => (payment.amount, payment.currency),
            Self::Refunded(payment) => (payment.amount, payment.currency),
        }
    }
}

impl Payload for PaymentEvent {
    const TYPES: &'static [&'static str] =
        &["payment.succeeded.v1", "payment.declined.v1", "payment.cancelled.v1", "payment.refunded.v1"];

    fn subject(&self) -> Uuid {
        match self {
            Self::Succeeded(payment) => payment.order_id,
            Self::Declined(payment) => payment.order_id,
            Self::Cancelled(payment) => payment.order_id,
            Self::Refunded(payment) => payment.order_id,
        }
    }
}
