//! A message on its way into the outbox.

use serde::Serialize;
use tokio::time::Instant;

use crate::claim::LEASE;
use crate::hand_over::Place;
use crate::{Claimed, Outbox};
use sqs::TraceContext;
use sqs::batch::OutgoingMessage;
use sqs::trace::TRACEPARENT;

/// A message on its way into the outbox, with a place in the hand-over if there was one left.
///
/// It belongs to the write that stores it: [`row`](Self::row) goes into that write's statement, and what the statement says
/// of the row's lease comes back by [`committed`](Self::committed). If that is never called, because the write failed or its
/// outcome is unknown, nothing is handed over: should the row be there all the same, a sweep finds it when its lease is over.
pub struct Message {
    outbox: Outbox,
    message: OutgoingMessage,
    place: Option<Place>,
}

/// A message as a row of a set: what `lease_until` and the other columns of the table are made of.
#[derive(Serialize)]
pub struct MessageRow<'a> {
    /// The row's key.
    pub event_id: &'a str,
    /// What it is about.
    pub subject: &'a str,
    /// The message.
    pub body: &'a str,
    /// Its trace.
    pub traceparent: &'a str,
    /// Whether the row is inserted with its lease taken; if not, it is due at once.
    pub leased: bool,
}

impl Outbox {
    /// A message that is about to be stored. Whether this instance will be handed it is decided here, before the statement.
    pub fn message(&self, id: String, subject: String, body: String, trace: TraceContext) -> Message {
        let attributes = [(TRACEPARENT.to_owned(), trace.to_string())].into();
        let message = OutgoingMessage { id, subject, body, attributes };
        let place = self.0.hand_over.reserve(message.bytes());
        Message { outbox: self.clone(), message, place }
    }
}

impl Message {
    /// The message as a row of a set.
    pub fn row(&self) -> MessageRow<'_> {
        let OutgoingMessage { id, subject, body, attributes } = &self.message;
        let traceparent = attributes.get(TRACEPARENT).map_or("", String::as_str);
        MessageRow { event_id: id, subject, body, traceparent, leased: self.place.is_some() }
    }

    /// The row is committed, with this `lease_until`, by a statement that was begun at `begun`: hands it over, if it has a
    /// place, and tells the relay.
    pub fn committed(self, lease_until: i64, begun: Instant) {
        let Self { outbox, message, place } = self;
        outbox.0.pending.added(1);
        match place {
            Some(place) => {
                let deadline = begun + LEASE;
                let row = Claimed { message, attempts: 0, lease: lease_until, deadline, place: Some(place) };
                outbox.0.hand_over.push(row);
            }
            None => outbox.0.hand_over.leave_behind(),
        }
    }
}
