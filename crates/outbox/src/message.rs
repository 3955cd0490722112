//! A message on its way into the outbox.

use std::collections::HashMap;

use database::{Connection, Key, Statement, Write, WriteError};
use serde::Serialize;
use sqlx::Row;
use tokio::time::Instant;

use crate::claim::LEASE;
use crate::hand_over::Place;
use crate::{Claimed, Outbox};
use sqs::TraceContext;
use sqs::batch::OutgoingMessage;
use sqs::trace::TRACEPARENT;

/// A message on its way into the outbox, with a place in the hand-over if there was one left.
///
/// It belongs to the write that stores it: [`row`](Self::row) goes into that write's set, [`insert_messages!`] into its
/// statement, and what the statement says of the row's lease comes back by [`committed`](Self::committed). If that is never
/// called, because the write failed or its outcome is unknown, nothing is handed over: should the row be there all the same,
/// a sweep finds it when its lease is over.
///
/// [`insert_messages!`]: crate::insert_messages
pub struct Message {
    outbox: Outbox,
    message: OutgoingMessage,
    place: Option<Place>,
}

/// A message as a part of a set's row.
#[derive(Serialize)]
pub struct MessageRow<'a> {
    event_id: &'a str,
    subject: &'a str,
    body: &'a str,
    traceparent: &'a str,
    /// Whether the row is inserted with its lease taken; if not, it is due at once.
    leased: bool,
}

/// How long a lease is, in milliseconds.
#[doc(hidden)]
#[macro_export]
macro_rules! lease_ms {
    () => {
        12_000
    };
}

/// The columns of a [`MessageRow`], for PostgreSQL's `json_to_recordset`.
#[macro_export]
macro_rules! message_columns {
    () => {
        "event_id text, subject text, body text, traceparent text, leased boolean"
    };
}

/// The SQL that stores the messages of a set's rows that meet a condition, and returns each new row's `lease_until`.
///
/// On SQLite the set is `json_each($1)`, with `value` as its row; on PostgreSQL it is the named query. One that is already
/// waiting under the same id stays as it is, and is not returned.
#[macro_export]
macro_rules! insert_messages {
    (sqlite, where $condition:literal) => {
        concat!(
            "INSERT INTO outbox (id, subject, body, traceparent, lease_until) \
             SELECT value->>'event_id', value->>'subject', value->>'body', value->>'traceparent', \
                 CASE WHEN value->>'leased' THEN ",
            ::database::now!(sqlite),
            " + ",
            $crate::lease_ms!(),
            " ELSE 0 END FROM json_each($1) WHERE ",
            $condition,
            " ON CONFLICT DO NOTHING RETURNING id, subject, lease_until"
        )
    };
    (postgres, from $set:literal where $condition:literal) => {
        concat!(
            "INSERT INTO outbox (id, subject, body, traceparent, lease_until) \
             SELECT event_id, subject, body, traceparent, CASE WHEN leased THEN ",
            ::database::now!(postgres),
            " + ",
            $crate::lease_ms!(),
            " ELSE 0 END FROM ",
            $set,
            " WHERE ",
            $condition,
            " ORDER BY event_id ON CONFLICT DO NOTHING RETURNING id, subject, lease_until"
        )
    };
}

impl Outbox {
    /// A message that is about to be stored. Whether this instance will be handed it is decided here, before the statement.
    pub fn message(&self, id: String, subject: String, body: String, trace: TraceContext) -> Message {
        let message = OutgoingMessage::new(body).with_id(id).with_subject(subject);
        let message = message.with_attribute(TRACEPARENT, trace.to_string());
        let place = self.0.hand_over.reserve(message.bytes());
        Message { outbox: self.clone(), message, place }
    }

    /// Stores a message that belongs to no other change. One that is already waiting under the same id stays as it is.
    pub async fn add(&self, message: Message) -> Result<(), WriteError> {
        self.0.database.write(Add(message)).await?;
        Ok(())
    }
}

impl Message {
    /// The message as a part of a set's row.
    pub fn row(&self) -> MessageRow<'_> {
        let OutgoingMessage { id, subject, body, attributes, .. } = &self.message;
        let traceparent = attributes.get(TRACEPARENT).map_or("", String::as_str);
        MessageRow { event_id: id, subject, body, traceparent, leased: self.place.is_some() }
    }

    /// Its id, and that of its row.
    pub fn id(&self) -> &str {
        &self.message.id
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

struct Add(Message);

const ADD: Statement = Statement {
    sqlite: insert_messages!(sqlite, where "true"),
    postgres: concat!(
        "WITH added AS (SELECT * FROM json_to_recordset(CAST($1 AS json)) AS added (",
        message_columns!(),
        ")) ",
        insert_messages!(postgres, from "added" where "true")
    ),
};

impl Write for Add {
    /// Its lease, if it was not waiting already.
    type Output = Option<i64>;

    fn key(&self) -> Option<Key> {
        Some(Key::of(self.0.id()))
    }

    async fn run(set: &[&Self], connection: &mut Connection) -> Result<Vec<Option<i64>>, sqlx::Error> {
        let rows: Vec<_> = set.iter().map(|Add(message)| message.row()).collect();
        let mut leases: HashMap<String, i64> = HashMap::new();
        for row in connection.rows(ADD, &rows).await? {
            leases.insert(row.try_get("id")?, row.try_get("lease_until")?);
        }
        Ok(set.iter().map(|Add(message)| leases.remove(message.id())).collect())
    }

    fn committed(self, lease: &Option<i64>, begun: Instant) {
        if let Some(lease) = lease {
            self.0.committed(*lease, begun);
        }
    }
}
