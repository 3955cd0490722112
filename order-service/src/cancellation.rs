//! Taking an order back.

use std::str::FromStr;

use contracts::{Event, OrderCancelled, OrderEvent};
use jiff::Timestamp;
use uuid::Uuid;

use crate::order::{Order, SOURCE, is_line};

/// Why, in the client's words: 1 to [`MAX_CHARACTERS`](Self::MAX_CHARACTERS), none of them a control character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(String);

/// What is not a reason.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to {} characters, none of them a control character", Reason::MAX_CHARACTERS)]
pub struct InvalidReason;

impl FromStr for Reason {
    type Err = InvalidReason;

    fn from_str(reason: &str) -> Result<Self, Self::Err> {
        if is_line(reason, Self::MAX_CHARACTERS) { Ok(Self(reason.to_owned())) } else { Err(InvalidReason) }
    }
}

impl Reason {
    /// The longest.
    pub const MAX_CHARACTERS: usize = 200;

    /// One read from the database, where only valid ones are.
    pub(crate) fn from_stored(reason: String) -> Self {
        Self(reason)
    }
}

/// A client's wish to take an order back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancellation {
    /// The id of the event that tells of it.
    pub id: Uuid,
    /// Why, if the client has said so.
    pub reason: Option<Reason>,
    /// When it came.
    pub requested_at: Timestamp,
}

impl Cancellation {
    /// One that comes now.
    pub fn now(reason: Option<Reason>) -> Self {
        // Milliseconds, as they are stored: what is answered now must be what is read later.
        let requested_at = Timestamp::from_millisecond(Timestamp::now().as_millisecond()).unwrap_or_default();
        Self { id: Uuid::now_v7(), reason, requested_at }
    }

    /// The reason's text.
    pub fn reason_text(&self) -> Option<&str> {
        self.reason.as_ref().map(|Reason(text)| text.as_str())
    }

    /// What the payment service is told. It tells all of the order, for it may come before the order does.
    pub fn event(&self, order: &Order) -> Event<OrderEvent> {
        let reason = self.reason_text().map(str::to_owned);
        let cancelled = OrderCancelled { order: order.as_told(), reason };
        Event::new(self.id, SOURCE, self.requested_at, OrderEvent::Cancelled(cancelled))
    }
}
