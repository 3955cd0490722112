//! Claiming an order's row: the one step that decides who may charge.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use contracts::OrderCreated;
use database::{Connection, Key, Statement, Write, WriteError, now};
use jiff::Timestamp;
use serde::Serialize;
use sqlx::Row;
use sqlx::any::AnyRow;
use sqs::TraceContext;
use uuid::Uuid;

use super::{Attempt, Conclusion, Ledger, result_event};

/// An order that somebody wants to charge.
struct Claim {
    order: OrderCreated,
    /// For a row that is not there yet.
    payment_id: Uuid,
    lease: Duration,
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

#[derive(Serialize)]
struct ClaimRow<'a> {
    order_id: Uuid,
    payment_id: Uuid,
    amount: i64,
    currency: &'a str,
    lease: i64,
}

/// A new order's row is won; so is one whose attempt's lease is over.
macro_rules! on_conflict {
    () => {
        "ON CONFLICT (order_id) DO UPDATE \
             SET attempt = payments.attempt + 1, lease_until = excluded.lease_until, updated_at = excluded.updated_at \
             WHERE payments.state = 'CHARGING' AND payments.lease_until <= excluded.updated_at \
                 AND payments.amount = excluded.amount AND payments.currency = excluded.currency \
         RETURNING order_id, payment_id, attempt"
    };
}

const CLAIM: Statement = Statement {
    sqlite: concat!(
        "INSERT INTO payments \
             (order_id, payment_id, amount, currency, state, attempt, lease_until, created_at, updated_at) \
         SELECT value->>'order_id', value->>'payment_id', value->>'amount', value->>'currency', 'CHARGING', 1, \
             now + (value->>'lease'), now, now FROM json_each($1), (SELECT ",
        now!(sqlite),
        " AS now) WHERE true ",
        on_conflict!()
    ),
    postgres: concat!(
        "INSERT INTO payments \
             (order_id, payment_id, amount, currency, state, attempt, lease_until, created_at, updated_at) \
         SELECT order_id, payment_id, amount, currency, 'CHARGING', 1, now + lease, now, now \
         FROM json_to_recordset(CAST($1 AS json)) \
             AS claim (order_id text, payment_id text, amount bigint, currency text, lease bigint), \
             (SELECT ",
        now!(postgres),
        " AS now) AS clock ORDER BY order_id ",
        on_conflict!()
    ),
};

/// What a claim is decided by; `left_of_lease` is what is left of the lease, by the clock that it goes by.
macro_rules! look {
    ($engine:ident) => {
        concat!(
            "SELECT payment_id, amount, currency, state, attempt, charge_id, reason, updated_at, lease_until - ",
            now!($engine),
            " AS left_of_lease FROM payments WHERE order_id = $1"
        )
    };
}

const LOOK: Statement = Statement { sqlite: look!(sqlite), postgres: look!(postgres) };

impl Claim {
    fn row(&self) -> ClaimRow<'_> {
        let OrderCreated { order_id, amount, ref currency, .. } = self.order;
        let (currency, lease) = (currency.as_str(), self.lease.as_millis() as i64);
        ClaimRow { order_id, payment_id: self.payment_id, amount, currency, lease }
    }
}

impl Write for Claim {
    /// The payment's id and the fencing number, if the claim is won.
    type Output = Option<(Uuid, i64)>;

    fn key(&self) -> Option<Key> {
        Some(Key::of(self.order.order_id))
    }

    async fn run(set: &[&Self], connection: &mut Connection) -> Result<Vec<Self::Output>, sqlx::Error> {
        let rows: Vec<_> = set.iter().map(|claim| claim.row()).collect();
        let mut won = HashMap::new();
        for row in connection.rows(CLAIM, &rows).await? {
            let order_id: String = row.try_get("order_id")?;
            won.insert(order_id, (read_id(&row)?, row.try_get("attempt")?));
        }
        Ok(set.iter().map(|claim| won.remove(&claim.order.order_id.to_string())).collect())
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
        let claim = Claim { order: order.clone(), payment_id: Uuid::now_v7(), lease };
        let Some((payment_id, number)) = self.database.write(claim).await? else {
            return self.look(&order, trace).await;
        };
        let attempt = attempt(&order, payment_id, number);
        // The lease began before the write had to wait: for its row, or for the disk. What is left of it may be too little
        // to charge in.
        if begun.elapsed() >= lease / 2 && !self.renew(attempt, lease).await? {
            return Ok(Claimed::Busy(lease));
        }
        Ok(Claimed::Won(attempt))
    }

    /// Why a claim was not won.
    async fn look(&self, order: &OrderCreated, trace: TraceContext) -> Result<Claimed, WriteError> {
        let look = sqlx::query(LOOK.on(self.database.engine()));
        let row = look.bind(order.order_id.to_string()).fetch_one(self.database.reads()).await;
        let row = self.database.noted(row)?;
        let state: String = row.try_get("state")?;
        let same_amount = row.try_get::<i64, _>("amount")? == order.amount
            && row.try_get::<String, _>("currency")? == order.currency.as_str();
        let conclusion = match state.as_str() {
            "CHARGING" | "SUCCEEDED" | "DECLINED" if !same_amount => return Ok(Claimed::OtherAmount),
            "SUCCEEDED" => Conclusion::Succeeded { charge_id: row.try_get("charge_id")? },
            "DECLINED" => Conclusion::Declined { reason: row.try_get("reason")? },
            "CHARGING" => {
                let left = row.try_get::<i64, _>("left_of_lease")?.max(0);
                return Ok(Claimed::Busy(Duration::from_millis(left as u64)));
            }
            _ => return Ok(Claimed::Newer(state)),
        };
        // The message came again, so its result may not have arrived: telling it twice does no harm.
        let attempt = attempt(order, read_id(&row)?, row.try_get("attempt")?);
        let concluded_at = Timestamp::from_millisecond(row.try_get("updated_at")?).unwrap_or_default();
        let event = result_event(&attempt, &conclusion, concluded_at);
        self.outbox.add(self.message(&event, trace)).await?;
        Ok(Claimed::Concluded(conclusion))
    }
}

fn attempt(order: &OrderCreated, payment_id: Uuid, number: i64) -> Attempt {
    let OrderCreated { order_id, amount, currency, .. } = *order;
    Attempt { order_id, payment_id, amount, currency, number }
}
