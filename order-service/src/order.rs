//! Orders.

use std::fmt;
use std::str::FromStr;

use contracts::{Currency, Event, OrderCreated, OrderEvent};
use jiff::Timestamp;
use uuid::Uuid;

use crate::total::OrderTotal;

/// This service's name as the `source` of its events.
pub(crate) const SOURCE: &str = "/order-service";

/// Who orders: 1 to [`MAX_CHARACTERS`](Self::MAX_CHARACTERS), none of them a control character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserId(String);

/// What is not a user id.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to {} characters, none of them a control character", UserId::MAX_CHARACTERS)]
pub struct InvalidUserId;

impl FromStr for UserId {
    type Err = InvalidUserId;

    fn from_str(id: &str) -> Result<Self, Self::Err> {
        if is_line(id, Self::MAX_CHARACTERS) { Ok(Self(id.to_owned())) } else { Err(InvalidUserId) }
    }
}

/// Whether `text` is 1 to so many characters, none of them a control character.
pub(crate) fn is_line(text: &str, max_characters: usize) -> bool {
    (1..=max_characters).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

impl UserId {
    /// The longest.
    pub const MAX_CHARACTERS: usize = 64;

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A user id read from the database, where only valid ones are.
    pub(crate) fn from_stored(id: String) -> Self {
        Self(id)
    }
}

/// How far an order is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderStatus {
    /// Accepted, its payment under way.
    Pending,
    /// Charged. An end, unless it is taken back.
    Paid,
    /// Will never be charged. Final.
    Declined,
    /// Being taken back: nobody knows yet whether it was charged.
    Cancelling,
    /// Taken back; nothing was charged, and nothing will be. Final.
    Cancelled,
    /// Taken back; what was charged has been given back. Final.
    Refunded,
    /// A newer version knows what it is; here it is only passed on.
    Other(String),
}

/// What is not a status that is known here.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be {}", OrderStatus::names().join(" or "))]
pub struct InvalidStatus;

impl OrderStatus {
    /// Every status that is known here.
    pub const KNOWN: [Self; 6] =
        [Self::Pending, Self::Paid, Self::Declined, Self::Cancelling, Self::Cancelled, Self::Refunded];

    /// Its name, in the API and in the database.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Pending => "PENDING",
            Self::Paid => "PAID",
            Self::Declined => "DECLINED",
            Self::Cancelling => "CANCELLING",
            Self::Cancelled => "CANCELLED",
            Self::Refunded => "REFUNDED",
            Self::Other(name) => name,
        }
    }

    /// Whether the order has come to an end: nothing more happens to it by itself.
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Pending | Self::Cancelling)
    }

    /// The names of those that are known here.
    pub fn names() -> [String; 6] {
        Self::KNOWN.map(|status| status.as_str().to_owned())
    }

    /// What the database holds, which a newer version may have written.
    pub(crate) fn from_stored(name: String) -> Self {
        name.parse().unwrap_or(Self::Other(name))
    }
}

impl FromStr for OrderStatus {
    type Err = InvalidStatus;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::KNOWN.into_iter().find(|status| status.as_str() == name).ok_or(InvalidStatus)
    }
}

impl fmt::Display for OrderStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Reads an order's id as it is answered: with its hyphens, not in any other form that a UUID can have.
pub fn order_id(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok().filter(|_| text.len() == 36)
}

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOrder {
    /// Who orders.
    pub user_id: UserId,
    /// What is to be paid.
    pub total: OrderTotal,
    /// The currency of `total`.
    pub currency: Currency,
}

/// An order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// UUIDv7, so that the order of ids is the order of placing.
    pub id: Uuid,
    /// What was asked for.
    pub placed: NewOrder,
    /// How far it is.
    pub status: OrderStatus,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When its status last changed.
    pub updated_at: Timestamp,
}

impl Order {
    /// A new order, accepted now.
    pub fn accept(placed: NewOrder) -> Self {
        // Milliseconds, as they are stored: what is answered now must be what is read later.
        let now = Timestamp::from_millisecond(Timestamp::now().as_millisecond()).unwrap_or_default();
        Self { id: Uuid::now_v7(), placed, status: OrderStatus::Pending, created_at: now, updated_at: now }
    }

    /// The order as it was when it was accepted.
    pub fn as_accepted(self) -> Self {
        Self { status: OrderStatus::Pending, updated_at: self.created_at, ..self }
    }

    /// What the payment service is told. An order is created once, so its id is the event's.
    pub fn created_event(&self) -> Event<OrderEvent> {
        Event::new(self.id, SOURCE, self.created_at, OrderEvent::Created(self.as_told()))
    }

    /// What events tell of it.
    pub(crate) fn as_told(&self) -> OrderCreated {
        OrderCreated {
            order_id: self.id,
            user_id: self.placed.user_id.as_str().to_owned(),
            amount: self.placed.total.minor_units(),
            currency: self.placed.currency,
        }
    }
}
