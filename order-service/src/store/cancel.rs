//! Taking an order back: its status, the idempotency key and the event commit together, or not at all.

use std::collections::HashMap;

use database::{Connection, Key, Statement, Write, WriteError};
use jiff::Timestamp;
use outbox::{Message, MessageRow, insert_messages, message_columns};
use serde::Serialize;
use sqlx::Row;
use sqs::TraceContext;
use tokio::time::Instant;
use uuid::Uuid;

use super::{OrderStore, parsed, time};
use crate::cancellation::{Cancellation, Reason};
use crate::order::{Order, OrderStatus};

/// What a key was used for.
pub const FIND_USE: &str = "SELECT order_id, cancellation_id, reason, status, updated_at \
                            FROM idempotency_keys WHERE idempotency_key = $1";

/// A request to take an order back, on its way into the database.
pub struct CancelOrder {
    order: Order,
    cancellation: Cancellation,
    trace: TraceContext,
    idempotency_key: Option<String>,
}

/// What became of a request to take an order back.
#[derive(Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// It is being taken back now.
    Now(Order),
    /// It had been taken back before, and is as it is.
    Before(Order),
    /// The key has been used for the same request before; this is what was answered then.
    Replayed(Order),
    /// The key has been used for another request before.
    KeyReused,
    /// In this status an order cannot be taken back.
    Refused(OrderStatus),
    /// Too many events are waiting for the queue; nothing was stored.
    BacklogFull,
    /// There is no such order any more.
    Unknown,
}

impl CancelOrder {
    /// Takes `order` back, as one with any other request that comes with the same key.
    pub fn new(order: Order, reason: Option<Reason>, trace: TraceContext, idempotency_key: Option<String>) -> Self {
        Self { order, cancellation: Cancellation::now(reason), trace, idempotency_key }
    }
}

impl OrderStore {
    /// Takes an order back. Once this returns `Now`, it is on the disk, and what was charged will be given back.
    pub async fn cancel(&self, cancel: CancelOrder) -> Result<Cancelled, WriteError> {
        let CancelOrder { order, cancellation, trace, idempotency_key } = cancel;
        if self.outbox.is_full() {
            // What needs no event is answered, however full it is; and written down, if it comes with a key that is new.
            match self.without_event(&order, &cancellation, idempotency_key.as_deref()).await? {
                None => return Ok(Cancelled::BacklogFull),
                Some(Cancelled::Before(_)) if idempotency_key.is_some() => {}
                Some(answer) => return Ok(answer),
            }
        }
        let event = cancellation.event(&order).encode();
        let message = self.outbox.message(cancellation.id.to_string(), order.id.to_string(), event, trace);
        let key = idempotency_key.clone();
        let cancels = Cancels { order_id: order.id, cancellation: cancellation.clone(), idempotency_key: key, message };
        if self.database.write(cancels).await?.is_some() {
            let (status, updated_at) = (OrderStatus::Cancelling, cancellation.requested_at);
            return Ok(Cancelled::Now(Order { status, updated_at, ..order }));
        }
        let answer = self.without_event(&order, &cancellation, idempotency_key.as_deref()).await?;
        Ok(answer.unwrap_or(Cancelled::Unknown))
    }

    /// The answer to a request that changes nothing; none: it may change something.
    async fn without_event(
        &self,
        order: &Order,
        cancellation: &Cancellation,
        key: Option<&str>,
    ) -> Result<Option<Cancelled>, sqlx::Error> {
        if let Some(key) = key
            && let Some(answer) = self.used_before(order, cancellation, key).await?
        {
            return Ok(Some(answer));
        }
        let Some(order) = self.get(order.id).await? else { return Ok(Some(Cancelled::Unknown)) };
        Ok(match order.status {
            OrderStatus::Pending | OrderStatus::Paid => None,
            OrderStatus::Cancelling | OrderStatus::Cancelled | OrderStatus::Refunded => Some(Cancelled::Before(order)),
            status @ (OrderStatus::Declined | OrderStatus::Other(_)) => Some(Cancelled::Refused(status)),
        })
    }

    /// What the key was used for, if it was; by this very request perhaps, if the order had been taken back before.
    async fn used_before(
        &self,
        order: &Order,
        cancellation: &Cancellation,
        key: &str,
    ) -> Result<Option<Cancelled>, sqlx::Error> {
        let found = sqlx::query(FIND_USE).bind(key).fetch_optional(self.database.reads()).await;
        let Some(row) = self.database.noted(found)? else { return Ok(None) };
        let is_same = row.try_get::<String, _>("order_id")? == order.id.to_string()
            && row.try_get::<Option<String>, _>("cancellation_id")?.is_some()
            && row.try_get::<Option<String>, _>("reason")?.as_deref() == cancellation.reason_text();
        if !is_same {
            return Ok(Some(Cancelled::KeyReused));
        }
        let answered = Order {
            status: OrderStatus::from_stored(row.try_get("status")?),
            updated_at: time(&row, "updated_at")?,
            ..order.clone()
        };
        let is_own = parsed(&row, "cancellation_id", Uuid::try_parse)? == cancellation.id;
        Ok(Some(if is_own { Cancelled::Before(answered) } else { Cancelled::Replayed(answered) }))
    }
}

struct Cancels {
    order_id: Uuid,
    cancellation: Cancellation,
    idempotency_key: Option<String>,
    message: Message,
}

/// The event's id is the cancellation's, its subject the order's.
#[derive(Serialize)]
struct CancelsRow<'a> {
    reason: Option<&'a str>,
    requested_at: i64,
    key: Option<&'a str>,
    #[serde(flatten)]
    message: MessageRow<'a>,
}

/// Takes a set of orders back. A key is won where the request is not refused. An order that can be taken back is, if the
/// request has no key or has won it; and what has been taken back is told.
///
/// On PostgreSQL the orders are locked first: whether a key may be won depends on their statuses.
pub const CANCEL: Statement = Statement {
    sqlite: concat!(
        "INSERT INTO idempotency_keys \
                (idempotency_key, order_id, created_at, cancellation_id, reason, status, updated_at) \
             SELECT value->>'key', order_id, value->>'requested_at', value->>'event_id', value->>'reason', \
                 CASE WHEN status IN ('PENDING', 'PAID') THEN 'CANCELLING' ELSE status END, \
                 CASE WHEN status IN ('PENDING', 'PAID') THEN value->>'requested_at' ELSE updated_at END \
             FROM json_each($1) JOIN orders ON order_id = value->>'subject' \
             WHERE value->>'key' IS NOT NULL \
                 AND status IN ('PENDING', 'PAID', 'CANCELLING', 'CANCELLED', 'REFUNDED') \
             ON CONFLICT DO NOTHING; \
         UPDATE orders SET status = 'CANCELLING', updated_at = request->>'requested_at', \
                 cancellation_id = request->>'event_id', cancellation_reason = request->>'reason' \
             FROM (SELECT value AS request FROM json_each($1)) \
             WHERE order_id = request->>'subject' AND status IN ('PENDING', 'PAID') \
                 AND (request->>'key' IS NULL OR request->>'event_id' = (\
                     SELECT used.cancellation_id FROM idempotency_keys AS used \
                     WHERE used.idempotency_key = request->>'key')); ",
        insert_messages!(
            sqlite,
            where "value->>'event_id' = (\
                SELECT cancellation_id FROM orders WHERE order_id = value->>'subject')"
        )
    ),
    postgres: concat!(
        "WITH request AS MATERIALIZED (SELECT * FROM json_to_recordset(CAST($1 AS json)) AS request (\
             reason text, requested_at bigint, key text, ",
        message_columns!(),
        ")), found AS MATERIALIZED (\
             SELECT order_id, status, updated_at FROM orders \
             WHERE order_id = ANY (ARRAY(SELECT request.subject FROM request)) ORDER BY order_id FOR UPDATE), \
         won AS (\
             INSERT INTO idempotency_keys \
                 (idempotency_key, order_id, created_at, cancellation_id, reason, status, updated_at) \
             SELECT key, order_id, requested_at, event_id, reason, \
                 CASE WHEN status IN ('PENDING', 'PAID') THEN 'CANCELLING' ELSE status END, \
                 CASE WHEN status IN ('PENDING', 'PAID') THEN requested_at ELSE updated_at END \
             FROM request JOIN found ON order_id = subject \
             WHERE key IS NOT NULL AND status IN ('PENDING', 'PAID', 'CANCELLING', 'CANCELLED', 'REFUNDED') \
             ORDER BY key ON CONFLICT DO NOTHING RETURNING cancellation_id), \
         taken AS MATERIALIZED (\
             SELECT subject, event_id, requested_at, reason FROM request JOIN found ON order_id = subject \
             WHERE status IN ('PENDING', 'PAID') \
                 AND (key IS NULL OR event_id IN (SELECT cancellation_id FROM won))), \
         moved AS (\
             UPDATE orders SET (status, updated_at, cancellation_id, cancellation_reason) = (\
                 SELECT 'CANCELLING', taken.requested_at, taken.event_id, taken.reason \
                 FROM taken WHERE taken.subject = orders.order_id) \
             WHERE order_id = ANY (ARRAY(SELECT taken.subject FROM taken)) AND status IN ('PENDING', 'PAID') \
             RETURNING cancellation_id) ",
        insert_messages!(postgres, from "request" where "event_id IN (SELECT cancellation_id FROM moved)")
    ),
};

impl Cancels {
    fn row(&self) -> CancelsRow<'_> {
        CancelsRow {
            reason: self.cancellation.reason_text(),
            requested_at: self.cancellation.requested_at.as_millisecond(),
            key: self.idempotency_key.as_deref(),
            message: self.message.row(),
        }
    }
}

impl Write for Cancels {
    /// Its event's lease, if the order is being taken back by it.
    type Output = Option<i64>;

    fn key(&self) -> Option<Key> {
        Some(Key::of(self.order_id))
    }

    async fn run(set: &[&Self], connection: &mut Connection) -> Result<Vec<Option<i64>>, sqlx::Error> {
        let rows: Vec<_> = set.iter().map(|cancels| cancels.row()).collect();
        let mut leases: HashMap<String, i64> = HashMap::new();
        for row in connection.rows(CANCEL, &rows).await? {
            leases.insert(row.try_get("id")?, row.try_get("lease_until")?);
        }
        Ok(set.iter().map(|cancels| leases.remove(cancels.message.id())).collect())
    }

    fn committed(self, lease: &Option<i64>, begun: Instant) {
        if let Some(lease) = lease {
            self.message.committed(*lease, begun);
        }
    }
}

/// The cancellations under way, newest first, with what their events are made of.
pub const LIST_CANCELLING: &str = concat!(
    "SELECT ",
    order_columns!(),
    ", cancellation_id, cancellation_reason FROM orders WHERE order_id < $1 AND status = 'CANCELLING' \
     ORDER BY order_id DESC LIMIT $2"
);

/// The cancellation of an order that is being taken back.
pub(super) fn read_cancellation(row: &sqlx::any::AnyRow) -> Result<Cancellation, sqlx::Error> {
    let requested_at: Timestamp = time(row, "updated_at")?;
    let reason = row.try_get::<Option<String>, _>("cancellation_reason")?.map(Reason::from_stored);
    Ok(Cancellation { id: parsed(row, "cancellation_id", Uuid::try_parse)?, reason, requested_at })
}
