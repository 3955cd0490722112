//! Claiming an order's row: the one step that decides who may charge.

use std::time::{Duration, Instant};

use contracts::OrderCreated;
use database::{Write, WriteError};
use jiff::Timestamp;
use outbox::Outbox;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use sqs::TraceContext;
use uuid::Uuid;

use super::{Attempt, Conclusion, Ledger, result_event};

/// An order that somebody wants to charge.
pub struct Claim {
    order: OrderCreated,
    /// For a row that is not there yet.
    payment_id: Uuid,
    lease: Duration,
    trace: TraceContext,
}

/// What came of a claim.
#[derive(Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The caller may charge.
    Won(Attempt),
    /// It has been charged, or declined, before; its result is told again.
    Concluded(Conclusion),
    /// Another attempt has the lease, for this long.
    Busy(Duration),
    /// The order is in the ledger with another amount or currency.
    OtherAmount,
    /// A newer version has brought the row into a state that is not known here. It is left as it is.
    Newer(String),
}

impl Write for Claim {
    type Output = Claimed;

    fn contended_row(&self) -> Option<String> {
        Some(self.order.order_id.to_string())
    }

    async fn run(&self, transaction: &mut AnyConnection) -> Result<Claimed, sqlx::Error> {
        let order = &self.order;
        let id = order.order_id.to_string();
        let now = Timestamp::now().as_millisecond();
        let won = sqlx::query(
            "INSERT INTO payments \
                 (order_id, payment_id, amount, currency, state, attempt, lease_until, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, 'CHARGING', 1, $5, $6, $6) \
             ON CONFLICT (order_id) DO UPDATE \
                 SET attempt = payments.attempt + 1, lease_until = excluded.lease_until, \
                     updated_at = excluded.updated_at \
                 WHERE payments.state = 'CHARGING' AND payments.lease_until <= excluded.updated_at \
                     AND payments.amount = excluded.amount AND payments.currency = excluded.currency \
             RETURNING payment_id, attempt",
        )
        .bind(&id)
        .bind(self.payment_id.to_string())
        .bind(order.amount)
        .bind(order.currency.as_str())
        .bind(now + self.lease.as_millis() as i64)
        .bind(now)
        .fetch_optional(&mut *transaction)
        .await?;
        if let Some(row) = won {
            let (payment_id, number) = (read_id(&row)?, row.try_get("attempt")?);
            return Ok(Claimed::Won(self.attempt(payment_id, number)));
        }
        let row = sqlx::query(
            "SELECT payment_id, amount, currency, state, attempt, lease_until, charge_id, reason, updated_at \
             FROM payments WHERE order_id = $1",
        )
        .bind(&id)
        .fetch_one(&mut *transaction)
        .await?;
        let state: String = row.try_get("state")?;
        let same_amount = row.try_get::<i64, _>("amount")? == order.amount
            && row.try_get::<String, _>("currency")? == order.currency.as_str();
        let conclusion = match state.as_str() {
            "CHARGING" | "SUCCEEDED" | "DECLINED" if !same_amount => return Ok(Claimed::OtherAmount),
            "SUCCEEDED" => Conclusion::Succeeded { charge_id: row.try_get("charge_id")? },
            "DECLINED" => Conclusion::Declined { reason: row.try_get("reason")? },
            "CHARGING" => {
                let left = row.try_get::<i64, _>("lease_until")?.saturating_sub(now).max(0);
                return Ok(Claimed::Busy(Duration::from_millis(left as u64)));
            }
            _ => return Ok(Claimed::Newer(state)),
        };
        // The message came again, so its result may not have arrived: telling it twice does no harm.
        let attempt = self.attempt(read_id(&row)?, row.try_get("attempt")?);
        let concluded_at = Timestamp::from_millisecond(row.try_get("updated_at")?).unwrap_or_default();
        let event = result_event(&attempt, &conclusion, concluded_at);
        Outbox::add(transaction, &event.id.to_string(), &id, &event.encode(), self.trace).await?;
        Ok(Claimed::Concluded(conclusion))
    }
}

impl Claim {
    fn attempt(&self, payment_id: Uuid, number: i64) -> Attempt {
        let OrderCreated { order_id, amount, currency, .. } = self.order;
        Attempt { order_id, payment_id, amount, currency, number }
    }
}

fn read_id(row: &AnyRow) -> Result<Uuid, sqlx::Error> {
    Uuid::try_parse(row.try_get("payment_id")?)
        .map_err(|error| sqlx::Error::ColumnDecode { index: "payment_id".to_owned(), source: error.into() })
}

impl Ledger {
    /// Asks for the right to charge `order` for as long as `lease`.
    pub async fn claim(
        &self,
        order: OrderCreated,
        lease: Duration,
        trace: TraceContext,
    ) -> Result<Claimed, WriteError> {
        let begun = Instant::now();
        let claimed = self.database.write(Claim { order, payment_id: Uuid::now_v7(), lease, trace }).await?;
        match claimed {
            Claimed::Concluded(_) => self.outbox.committed(),
            Claimed::Won(attempt) => {
                // The lease began before the write had to wait: for its row, or for the disk. What is left of it may be
                // too little to charge in.
                if begun.elapsed() >= lease / 2 && !self.renew(attempt, lease).await? {
                    return Ok(Claimed::Busy(lease));
                }
            }
            Claimed::Busy(_) | Claimed::OtherAmount | Claimed::Newer(_) => {}
        }
        Ok(claimed)
    }
}
