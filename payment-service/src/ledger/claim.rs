//! Claiming an order's row: the one step that decides who may charge.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use contracts::OrderCreated;
use database::{Connection, Key, Statement, Write, WriteError, now};
use serde::Serialize;
use sqlx::Row;
use sqs::TraceContext;
use uuid::Uuid;

use super::look::{Seen, read_id};
use super::{Attempt, Claimed, Ledger};

/// An order that somebody wants to charge.
struct Claim {
    order: OrderCreated,
    /// For a row that is not there yet.
    payment_id: Uuid,
    lease: Duration,
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
            won.insert(order_id, (read_id(&row, "payment_id")?, row.try_get("attempt")?));
        }
        Ok(set.iter().map(|claim| won.remove(&claim.order.order_id.to_string())).collect())
    }
}

impl Ledger {
    /// Asks for the right to charge `order` for as long as `lease`.
    pub async fn claim(
        &self,
        order: OrderCreated,
        lease: Duration,
        trace: TraceContext,
    ) -> Result<Claimed<Attempt>, WriteError> {
        let begun = Instant::now();
        let claim = Claim { order: order.clone(), payment_id: Uuid::now_v7(), lease };
        if let Some((payment_id, number)) = self.database.write(claim).await? {
            let attempt = Attempt::new(&order, payment_id, number);
            let whole = self.is_whole(attempt, begun, lease).await?;
            return Ok(if whole { Claimed::Won(attempt) } else { Claimed::Busy(lease) });
        }
        Ok(match self.look(&order).await? {
            Seen::Ended(ended) => Claimed::Concluded(self.tell_again(ended, trace).await?),
            Seen::Charging(left) => Claimed::Busy(left),
            Seen::Cancelling(_) => Claimed::Overtaken,
            Seen::OtherAmount => Claimed::OtherAmount,
            Seen::Newer(state) => Claimed::Newer(state),
        })
    }

    /// Whether enough is left of a lease that was asked for at `begun`. It began before the write had to wait: for its row,
    /// or for the disk. If too little is left to ask the provider in, it is renewed.
    pub(super) async fn is_whole(&self, attempt: Attempt, begun: Instant, lease: Duration) -> Result<bool, WriteError> {
        if begun.elapsed() < lease / 2 { Ok(true) } else { self.renew(attempt, lease).await }
    }
}
