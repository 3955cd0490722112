//! Placing an order: the order, its idempotency key and its event commit together, or not at all.

use database::{Write, WriteError};
use outbox::Outbox;
use sqlx::AnyConnection;
use sqs::TraceContext;

use super::{OrderStore, find};
use crate::order::Order;

/// The order that a key has made.
pub const FIND_KEY: &str = "SELECT order_id FROM idempotency_keys WHERE idempotency_key = $1";

/// An accepted order on its way into the database.
pub struct PlaceOrder {
    order: Order,
    event: String,
    trace: TraceContext,
    idempotency_key: Option<String>,
    backlog_full: bool,
}

/// What became of a request to place an order.
#[derive(Debug, PartialEq, Eq)]
pub enum Placed {
    /// It is stored and will be paid.
    Accepted(Order),
    /// Its key has made this order before.
    Replayed(Order),
    /// Its key has made another order before.
    KeyReused,
    /// Too many events are waiting for the queue; nothing was stored.
    BacklogFull,
}

impl PlaceOrder {
    /// Places `order`, as one with any other that comes with the same key.
    pub fn new(order: Order, trace: TraceContext, idempotency_key: Option<String>) -> Self {
        let event = order.created_event().encode();
        Self { order, event, trace, idempotency_key, backlog_full: false }
    }
}

impl Write for PlaceOrder {
    type Output = Placed;

    fn contended_row(&self) -> Option<String> {
        self.idempotency_key.clone()
    }

    async fn run(&self, transaction: &mut AnyConnection) -> Result<Placed, sqlx::Error> {
        let order = &self.order;
        let id = order.id.to_string();
        let created_at = order.created_at.as_millisecond();
        if self.backlog_full {
            // What has been accepted is answered again, however full it is.
            let made_before = match &self.idempotency_key {
                Some(key) => self.made_before(key, transaction).await?,
                None => None,
            };
            return Ok(made_before.unwrap_or(Placed::BacklogFull));
        }
        if let Some(key) = &self.idempotency_key {
            // A simultaneous request with the same key waits here until this transaction has ended.
            let reserved = sqlx::query(
                "INSERT INTO idempotency_keys (idempotency_key, order_id, created_at) VALUES ($1, $2, $3) \
                 ON CONFLICT DO NOTHING",
            )
            .bind(key)
            .bind(&id)
            .bind(created_at)
            .execute(&mut *transaction)
            .await?;
            if reserved.rows_affected() == 0 {
                return Ok(self.made_before(key, transaction).await?.unwrap_or(Placed::KeyReused));
            }
        }
        sqlx::query(concat!("INSERT INTO orders (", order_columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $6)"))
            .bind(&id)
            .bind(order.placed.user_id.as_str())
            .bind(order.placed.total.minor_units())
            .bind(order.placed.currency.as_str())
            .bind(order.status.as_str())
            .bind(created_at)
            .execute(&mut *transaction)
            .await?;
        Outbox::add(transaction, &id, &id, &self.event, self.trace).await?;
        Ok(Placed::Accepted(order.clone()))
    }
}

impl PlaceOrder {
    /// The payload is compared as the order that it means, not by its bytes.
    async fn made_before(&self, key: &str, transaction: &mut AnyConnection) -> Result<Option<Placed>, sqlx::Error> {
        let id = sqlx::query_scalar(FIND_KEY).bind(key);
        let id: Option<String> = id.fetch_optional(&mut *transaction).await?;
        let Some(id) = id else { return Ok(None) };
        Ok(Some(match find(transaction, &id).await? {
            Some(made) if made.placed == self.order.placed => Placed::Replayed(made.as_accepted()),
            _ => Placed::KeyReused,
        }))
    }
}

impl OrderStore {
    /// Places an order. Once this returns, it is on the disk and will be paid.
    pub async fn place(&self, order: PlaceOrder) -> Result<Placed, WriteError> {
        let placed = self.database.write(PlaceOrder { backlog_full: self.outbox.is_full(), ..order }).await?;
        if matches!(placed, Placed::Accepted(_)) {
            self.outbox.committed();
        }
        Ok(placed)
    }
}
