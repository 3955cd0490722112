//! Placing an order: the order, its idempotency key and its event commit together, or not at all.

use std::collections::HashMap;

use database::{Connection, Key, Statement, Write, WriteError};
use outbox::{Message, MessageRow, insert_messages, message_columns};
use serde::Serialize;
use sqlx::Row;
use sqs::TraceContext;
use tokio::time::Instant;

use super::{OrderStore, read};
use crate::order::{NewOrder, Order};

/// The order that a key has made, or has taken back.
pub const FIND_KEY: &str = concat!(
    "SELECT ",
    order_columns!(),
    ", (SELECT used.cancellation_id FROM idempotency_keys AS used WHERE used.idempotency_key = $1) AS taken_back_by \
     FROM orders WHERE order_id = (SELECT order_id FROM idempotency_keys WHERE idempotency_key = $1)"
);

/// An accepted order on its way into the database.
pub struct PlaceOrder {
    order: Order,
    event: String,
    trace: TraceContext,
    idempotency_key: Option<String>,
}

/// What became of a request to place an order.
#[derive(Debug, PartialEq, Eq)]
pub enum Placed {
    /// It is stored and will be paid.
    Accepted(Order),
    /// Its key has made this order before.
    Replayed(Order),
    /// Its key has made another order before, or has taken one back.
    KeyReused,
    /// Too many events are waiting for the queue; nothing was stored.
    BacklogFull,
}

impl PlaceOrder {
    /// Places `order`, as one with any other that comes with the same key.
    pub fn new(order: Order, trace: TraceContext, idempotency_key: Option<String>) -> Self {
        let event = order.created_event().encode();
        Self { order, event, trace, idempotency_key }
    }
}

impl OrderStore {
    /// Places an order. Once this returns, it is on the disk and will be paid.
    pub async fn place(&self, place: PlaceOrder) -> Result<Placed, WriteError> {
        let PlaceOrder { order, event, trace, idempotency_key } = place;
        if self.outbox.is_full() {
            // What has been accepted is answered again, however full it is.
            let made_before = self.made_before(idempotency_key.as_deref(), &order.placed).await?;
            return Ok(made_before.unwrap_or(Placed::BacklogFull));
        }
        let id = order.id.to_string();
        let message = self.outbox.message(id.clone(), id, event, trace);
        let insert = Insert { order: order.clone(), idempotency_key: idempotency_key.clone(), message };
        match self.database.write(insert).await? {
            Some(_) => Ok(Placed::Accepted(order)),
            None => {
                let made_before = self.made_before(idempotency_key.as_deref(), &order.placed).await?;
                Ok(made_before.unwrap_or(Placed::KeyReused))
            }
        }
    }

    /// What the key has made, if it was used before. The payload is compared as the order that it means, not by its bytes.
    async fn made_before(&self, key: Option<&str>, placed: &NewOrder) -> Result<Option<Placed>, sqlx::Error> {
        let Some(key) = key else { return Ok(None) };
        let row = sqlx::query(FIND_KEY).bind(key).fetch_optional(self.database.reads()).await;
        let Some(row) = self.database.noted(row)? else { return Ok(None) };
        let (order, taken_back_by) = (read(&row)?, row.try_get::<Option<String>, _>("taken_back_by")?);
        let is_same = taken_back_by.is_none() && order.placed == *placed;
        Ok(Some(if is_same { Placed::Replayed(order.as_accepted()) } else { Placed::KeyReused }))
    }
}

struct Insert {
    order: Order,
    idempotency_key: Option<String>,
    message: Message,
}

/// The event's id is the order's.
#[derive(Serialize)]
struct InsertRow<'a> {
    user_id: &'a str,
    amount: i64,
    currency: &'a str,
    created_at: i64,
    key: Option<&'a str>,
    #[serde(flatten)]
    message: MessageRow<'a>,
}

/// Places a set of orders. Each part stores what has no key, or has won it. A simultaneous request with the same key, of
/// another instance, waits for the end of this statement.
pub const PLACE: Statement = Statement {
    sqlite: concat!(
        "INSERT INTO idempotency_keys (idempotency_key, order_id, created_at) \
             SELECT value->>'key', value->>'event_id', value->>'created_at' FROM json_each($1) \
             WHERE value->>'key' IS NOT NULL ON CONFLICT DO NOTHING; \
         INSERT INTO orders (",
        order_columns!(),
        ") SELECT value->>'event_id', value->>'user_id', value->>'amount', value->>'currency', 'PENDING', \
                value->>'created_at', value->>'created_at' FROM json_each($1) \
             WHERE value->>'key' IS NULL OR value->>'event_id' = (\
                 SELECT order_id FROM idempotency_keys WHERE idempotency_key = value->>'key'); ",
        insert_messages!(
            sqlite,
            where "value->>'key' IS NULL OR value->>'event_id' = (\
                SELECT order_id FROM idempotency_keys WHERE idempotency_key = value->>'key')"
        )
    ),
    postgres: concat!(
        "WITH placed AS MATERIALIZED (SELECT * FROM json_to_recordset(CAST($1 AS json)) AS placed (\
             user_id text, amount bigint, currency text, created_at bigint, key text, ",
        message_columns!(),
        ")), won AS (\
             INSERT INTO idempotency_keys (idempotency_key, order_id, created_at) \
             SELECT key, event_id, created_at FROM placed WHERE key IS NOT NULL ORDER BY key \
             ON CONFLICT DO NOTHING RETURNING order_id), \
         stored AS (INSERT INTO orders (",
        order_columns!(),
        ") SELECT event_id, user_id, amount, currency, 'PENDING', created_at, created_at FROM placed \
             WHERE key IS NULL OR event_id IN (SELECT order_id FROM won)) ",
        insert_messages!(postgres, from "placed" where "key IS NULL OR event_id IN (SELECT order_id FROM won)")
    ),
};

impl Insert {
    fn row(&self) -> InsertRow<'_> {
        let NewOrder { user_id, total, currency } = &self.order.placed;
        InsertRow {
            user_id: user_id.as_str(),
            amount: total.minor_units(),
            currency: currency.as_str(),
            created_at: self.order.created_at.as_millisecond(),
            key: self.idempotency_key.as_deref(),
            message: self.message.row(),
        }
    }
}

impl Write for Insert {
    /// Its event's lease, if its key was free.
    type Output = Option<i64>;

    fn key(&self) -> Option<Key> {
        self.idempotency_key.as_ref().map(Key::of)
    }

    async fn run(set: &[&Self], connection: &mut Connection) -> Result<Vec<Option<i64>>, sqlx::Error> {
        let rows: Vec<_> = set.iter().map(|insert| insert.row()).collect();
        let mut leases: HashMap<String, i64> = HashMap::new();
        for row in connection.rows(PLACE, &rows).await? {
            leases.insert(row.try_get("id")?, row.try_get("lease_until")?);
        }
        Ok(set.iter().map(|insert| leases.remove(insert.message.id())).collect())
    }

    fn committed(self, lease: &Option<i64>, begun: Instant) {
        if let Some(lease) = lease {
            self.message.committed(*lease, begun);
        }
    }
}
