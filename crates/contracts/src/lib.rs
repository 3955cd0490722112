//! The events that travel between the services: CloudEvents 1.0 in structured JSON, one per SQS message body.
//!
//! `examples/` holds one message of each type, checked by tests: a contract is what is on the wire, not the Rust type.
//!
//! How contracts evolve: a reader ignores fields it does not know, so a writer may add optional ones. Anything else is a
//! new type (`order.created.v2`), published beside the old one until no reader is left on it.

mod currency;
mod event;
mod orders;
mod payments;

pub use currency::{Currency, InvalidCurrency};
pub use event::{DecodeError, Event, Payload};
pub use orders::{OrderCancelled, OrderCreated, OrderEvent};
pub use payments::{PaymentCancelled, PaymentDeclined, PaymentEvent, PaymentRefunded, PaymentSucceeded};
