//! Results of payments: an order leaves its first status once, and never changes again.

use database::{Write, WriteError};
use jiff::Timestamp;
use sqlx::AnyConnection;
use uuid::Uuid;

use super::{OrderStore, find};
use crate::order::{Order, OrderStatus};

/// The end of an order's payment.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// Whose.
    pub order_id: Uuid,
    /// `Paid` or `Declined`.
    pub status: OrderStatus,
    /// What was, or would have been, charged, in minor units; must be the order's.
    pub amount: i64,
    /// In which currency; must be the order's.
    pub currency: contracts::Currency,
}

/// What a result did to its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The order has its final status now.
    Now,
    /// It had that status already.
    Before,
    /// It has the other final status, which stays.
    Otherwise(OrderStatus),
    /// A newer version has given it a status that is not known here, which stays: what the result means to it, only that
    /// version knows.
    Newer(OrderStatus),
    /// The order is about another amount.
    OtherAmount,
    /// There is no such order.
    Unknown,
}

impl Write for Settlement {
    type Output = Settled;

    fn contended_row(&self) -> Option<String> {
        Some(self.order_id.to_string())
    }

    async fn run(&self, transaction: &mut AnyConnection) -> Result<Settled, sqlx::Error> {
        let id = self.order_id.to_string();
        let updated = sqlx::query(
            "UPDATE orders SET status = $1, updated_at = $2 \
             WHERE order_id = $3 AND status = $6 AND amount = $4 AND currency = $5",
        )
        .bind(self.status.as_str())
        .bind(Timestamp::now().as_millisecond())
        .bind(&id)
        .bind(self.amount)
        .bind(self.currency.as_str())
        .bind(OrderStatus::Pending.as_str())
        .execute(&mut *transaction)
        .await?;
        if updated.rows_affected() == 1 {
            return Ok(Settled::Now);
        }
        Ok(match find(transaction, &id).await? {
            None => Settled::Unknown,
            Some(Order { status: status @ OrderStatus::Other(_), .. }) => Settled::Newer(status),
            Some(order) if order.placed.total.minor_units() != self.amount => Settled::OtherAmount,
            Some(order) if order.placed.currency != self.currency => Settled::OtherAmount,
            Some(order) if order.status == self.status => Settled::Before,
            Some(order) => Settled::Otherwise(order.status),
        })
    }
}

impl OrderStore {
    /// Takes a result. Once this returns `Now`, it is on the disk.
    pub async fn settle(&self, settlement: Settlement) -> Result<Settled, WriteError> {
        let order_id = settlement.order_id;
        let settled = self.database.write(settlement).await?;
        if settled == Settled::Now {
            self.waiting.ended(order_id);
        }
        Ok(settled)
    }
}
