//! Results of payments: an order leaves `PENDING` by one result, and `CANCELLING` by another, each once.

use std::collections::HashSet;

use database::{Connection, Key, Statement, Write, WriteError};
use jiff::Timestamp;
use serde::Serialize;
use sqlx::Row;
use uuid::Uuid;

use super::OrderStore;
use crate::order::{Order, OrderStatus};

/// The end of an order's payment, or of its cancellation.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// Whose.
    pub order_id: Uuid,
    /// `Paid`, `Declined`, `Cancelled` or `Refunded`.
    pub status: OrderStatus,
    /// What was, or would have been, charged, in minor units; must be the order's.
    pub amount: i64,
    /// In which currency; must be the order's.
    pub currency: contracts::Currency,
}

/// What a result did to its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The order has that status now.
    Now,
    /// It had that status already, or has been taken back since; it stays as it is.
    Before,
    /// It has a status that contradicts the result, and stays as it is.
    Otherwise(OrderStatus),
    /// A newer version has given it a status that is not known here, which stays: what the result means to it, only that
    /// version knows.
    Newer(OrderStatus),
    /// The order is about another amount.
    OtherAmount,
    /// There is no such order.
    Unknown,
}

impl OrderStore {
    /// Takes a result. Once this returns `Now`, it is on the disk.
    pub async fn settle(&self, settlement: Settlement) -> Result<Settled, WriteError> {
        if self.database.write(settlement.clone()).await? {
            self.waiting.ended(settlement.order_id);
            return Ok(Settled::Now);
        }
        Ok(match self.get(settlement.order_id).await? {
            None => Settled::Unknown,
            Some(Order { status: status @ OrderStatus::Other(_), .. }) => Settled::Newer(status),
            Some(order) if order.placed.total.minor_units() != settlement.amount => Settled::OtherAmount,
            Some(order) if order.placed.currency != settlement.currency => Settled::OtherAmount,
            Some(order) if settlement.is_known_to(&order.status) => Settled::Before,
            Some(order) => Settled::Otherwise(order.status),
        })
    }
}

impl Settlement {
    /// The only status that this result ends.
    fn ends(&self) -> OrderStatus {
        match self.status {
            OrderStatus::Cancelled | OrderStatus::Refunded => OrderStatus::Cancelling,
            _ => OrderStatus::Pending,
        }
    }

    /// Whether an order in `status` has nothing to learn from this result: it has been so, before it was taken back or still.
    fn is_known_to(&self, status: &OrderStatus) -> bool {
        use OrderStatus::{Cancelled, Cancelling, Declined, Paid, Refunded};
        match self.status {
            Paid => matches!(status, Paid | Cancelling | Refunded),
            Declined => matches!(status, Declined | Cancelling | Cancelled),
            _ => *status == self.status,
        }
    }
}

#[derive(Serialize)]
struct SettlementRow<'a> {
    order_id: Uuid,
    from_status: &'a str,
    status: &'a str,
    amount: i64,
    currency: &'a str,
    now: i64,
}

/// Takes a set of results, and returns the orders that they have changed.
pub const SETTLE: Statement = Statement {
    sqlite: "UPDATE orders SET status = result->>'status', updated_at = result->>'now' \
             FROM (SELECT value AS result FROM json_each($1)) \
             WHERE order_id = result->>'order_id' AND orders.status = result->>'from_status' \
                 AND amount = result->>'amount' AND currency = result->>'currency' \
             RETURNING order_id",
    postgres: "WITH result AS MATERIALIZED (SELECT * FROM json_to_recordset(CAST($1 AS json)) \
                   AS result (order_id text, from_status text, status text, amount bigint, currency text, now bigint) \
                   ORDER BY order_id) \
               UPDATE orders SET status = result.status, updated_at = result.now FROM result \
               WHERE orders.order_id = ANY (ARRAY(SELECT result.order_id FROM result)) \
                   AND orders.order_id = result.order_id AND orders.status = result.from_status \
                   AND orders.amount = result.amount AND orders.currency = result.currency \
               RETURNING orders.order_id",
};

impl Write for Settlement {
    /// Whether the order has changed by it.
    type Output = bool;

    fn key(&self) -> Option<Key> {
        Some(Key::of(self.order_id))
    }

    async fn run(set: &[&Self], connection: &mut Connection) -> Result<Vec<bool>, sqlx::Error> {
        let now = Timestamp::now().as_millisecond();
        let mut rows = Vec::with_capacity(set.len());
        let from: Vec<OrderStatus> = set.iter().map(|settlement| settlement.ends()).collect();
        for (Settlement { order_id, status, amount, currency }, from) in set.iter().zip(&from) {
            let (from_status, status, currency) = (from.as_str(), status.as_str(), currency.as_str());
            rows.push(SettlementRow { order_id: *order_id, from_status, status, amount: *amount, currency, now });
        }
        let settled = connection.rows(SETTLE, &rows).await?;
        let settled = settled.iter().map(|row| row.try_get("order_id")).collect::<Result<HashSet<String>, _>>()?;
        Ok(set.iter().map(|settlement| settled.contains(&settlement.order_id.to_string())).collect())
    }
}
