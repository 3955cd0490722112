//! The ledger: one row per order, which says whether it has been charged and who is about to.
//!
//! An attempt to charge begins with a claim, which takes a lease on the row and gives the attempt its fencing number.
//! Every later write says `AND attempt = mine`: should the lease end because the worker was paused or cut off, and another
//! worker claim the row, the first one's writes change nothing
//! (<https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html>).

mod claim;
mod hold;
mod settle;

use contracts::{Currency, Event, PaymentDeclined, PaymentEvent, PaymentSucceeded};
use database::Database;
use jiff::Timestamp;
use outbox::{Message, Outbox};
use sqlx::migrate::Migrator;
use sqs::TraceContext;
use uuid::Uuid;

pub use claim::Claimed;
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

/// The right to charge an order, until the lease ends or somebody else has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The order to charge.
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

/// The end of a payment.
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
}

/// What the order service is told. A payment ends once, so its id is the event's.
fn result_event(attempt: &Attempt, conclusion: &Conclusion, time: Timestamp) -> Event<PaymentEvent> {
    let Attempt { order_id, payment_id, amount, currency, .. } = *attempt;
    let payload = match conclusion {
        Conclusion::Succeeded { .. } => {
            PaymentEvent::Succeeded(PaymentSucceeded { order_id, payment_id, amount, currency })
        }
        Conclusion::Declined { reason } => {
            PaymentEvent::Declined(PaymentDeclined { order_id, payment_id, amount, currency, reason: reason.clone() })
        }
    };
    Event::new(payment_id, SOURCE, time, payload)
}
