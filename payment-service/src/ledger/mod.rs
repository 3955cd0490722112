//! The ledger: one row per order, which says whether it has been charged or refunded, and who is about to.
//!
//! An attempt begins with a claim, which takes a lease on the row and gives the attempt its fencing number. Every later write
//! says `AND attempt = mine`: should the lease end because the worker was paused or cut off, and another worker claim the
//! row, the first one's writes change nothing
//! (<https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html>).
//!
//! A charge and the cancellation of the same order claim the same row, so one of them comes first, whatever order their
//! messages come in; `tests/protocol` explores what can happen then.

mod cancel;
mod claim;
mod hold;
mod look;
mod settle;

use std::time::Duration;

use contracts::{
    Currency, Event, OrderCreated, PaymentCancelled, PaymentDeclined, PaymentEvent, PaymentRefunded, PaymentSucceeded,
};
use database::Database;
use jiff::Timestamp;
use outbox::{Message, Outbox};
use sqlx::migrate::Migrator;
use sqs::TraceContext;
use uuid::Uuid;

pub use cancel::Cancellation;
pub use settle::Settled;

/// The schema.
pub static MIGRATIONS: Migrator = sqlx::migrate!();

/// This service's name as the `source` of its events.
const SOURCE: &str = "/payment-service";

/// The payments of this service; cheap to clone.
#[derive(Clone)]
pub struct Ledger {
    database: Database,
    outbox: Outbox,
}

impl Ledger {
    /// The ledger in `database`, its results going out through `outbox`.
    pub fn new(database: Database, outbox: Outbox) -> Self {
        Self { database, outbox }
    }

    /// What the order service is told, on its way into the outbox.
    fn message(&self, result: &Event<PaymentEvent>, trace: TraceContext) -> Message {
        self.outbox.message(result.id.to_string(), result.subject.to_string(), result.encode(), trace)
    }
}

/// The right to charge or refund an order, until the lease ends or somebody else has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The order.
    pub order_id: Uuid,
    /// This service's id of its payment, the same in every attempt.
    pub payment_id: Uuid,
    /// How much, in minor units.
    pub amount: i64,
    /// The currency of `amount`.
    pub currency: Currency,
    /// The fencing number, counted from 1.
    pub number: i64,
}

impl Attempt {
    fn new(order: &OrderCreated, payment_id: Uuid, number: i64) -> Self {
        let OrderCreated { order_id, amount, currency, .. } = *order;
        Self { order_id, payment_id, amount, currency, number }
    }
}

/// What came of a claim. `Right` is what the winner gets.
#[derive(Debug, PartialEq, Eq)]
pub enum Claimed<Right> {
    /// The caller may ask the provider.
    Won(Right),
    /// There is nothing to ask the provider for: this is how it has ended, by this claim or before, and it is told, again if
    /// need be.
    Concluded(Conclusion),
    /// The order is being taken back; what becomes of it, the cancellation tells.
    Overtaken,
    /// Another attempt has the lease, for this long.
    Busy(Duration),
    /// The order is in the ledger with another amount or currency.
    OtherAmount,
    /// A newer version has brought the row into a state that is not known here. It is left as it is.
    Newer(String),
}

/// The end of a payment, or of a cancellation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conclusion {
    /// The provider has charged it, under this id of its own.
    Succeeded {
        /// The provider's id.
        charge_id: String,
    },
    /// The provider will not charge it.
    Declined {
        /// Why.
        reason: String,
    },
    /// It was taken back; nothing was charged, and nothing will be.
    Cancelled {
        /// This service's id of the cancellation.
        refund_id: Uuid,
    },
    /// It was taken back; the provider has given back what was charged.
    Refunded {
        /// This service's id of the cancellation.
        refund_id: Uuid,
        /// The provider's id.
        provider_refund_id: String,
    },
}

/// What the order service is told. A payment ends once and a cancellation ends once, so their ids are the events'.
fn result_event(attempt: &Attempt, conclusion: &Conclusion, time: Timestamp) -> Event<PaymentEvent> {
    let Attempt { order_id, payment_id, amount, currency, .. } = *attempt;
    let (id, payload) = match *conclusion {
        Conclusion::Succeeded { .. } => {
            (payment_id, PaymentEvent::Succeeded(PaymentSucceeded { order_id, payment_id, amount, currency }))
        }
        Conclusion::Declined { ref reason } => {
            let reason = reason.clone();
            (payment_id, PaymentEvent::Declined(PaymentDeclined { order_id, payment_id, amount, currency, reason }))
        }
        Conclusion::Cancelled { refund_id } => {
            (refund_id, PaymentEvent::Cancelled(PaymentCancelled { order_id, amount, currency }))
        }
        Conclusion::Refunded { refund_id, .. } => {
            let refunded = PaymentRefunded { order_id, payment_id, refund_id, amount, currency };
            (refund_id, PaymentEvent::Refunded(refunded))
        }
    };
    Event::new(id, SOURCE, time, payload)
}
