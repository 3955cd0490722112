//! Claiming an order's row to take the order back: the one step that decides whether anything is to be refunded.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use contracts::OrderCreated;
use database::{Connection, Key, Statement, Write, WriteError, now};
use serde::Serialize;
use sqlx::Row;
use sqs::TraceContext;
use uuid::Uuid;

use super::look::{Ended, Seen, read_id, read_time};
use super::{Attempt, Claimed, Conclusion, Ledger};

/// The right to refund an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancellation {
    /// The hold on its row.
    pub attempt: Attempt,
    /// This service's id of the cancellation and its refund, the same in every attempt.
    pub refund_id: Uuid,
    /// Which try to refund it this is, counted from 1.
    pub tries: i64,
    /// Whether the ledger knows that it was charged. If not, only the provider does.
    pub charged: bool,
}

/// An order that somebody wants to take back.
struct Claim {
    order: OrderCreated,
    /// For a row that is not there yet.
    payment_id: Uuid,
    /// For one that nobody has begun to take back yet.
    refund_id: Uuid,
    lease: Duration,
}

/// What a claim has made of the row.
enum Outcome {
    /// The provider is to be asked.
    Cancelling(Cancellation),
    /// Nothing has been charged, and nothing will be.
    Cancelled(Ended),
}

#[derive(Serialize)]
struct ClaimRow<'a> {
    order_id: Uuid,
    payment_id: Uuid,
    refund_id: Uuid,
    amount: i64,
    currency: &'a str,
    lease: i64,
}

/// Without a row, the mark is left. A declined order is cancelled by that; a charge, or an attempt whose lease is over and of
/// which only the provider knows whether it has charged, is to be refunded.
macro_rules! on_conflict {
    () => {
        "ON CONFLICT (order_id) DO UPDATE SET \
             state = CASE payments.state WHEN 'DECLINED' THEN 'CANCELLED' ELSE 'CANCELLING' END, \
             attempt = payments.attempt + 1, \
             refund_id = COALESCE(payments.refund_id, excluded.refund_id), \
             refund_attempts = payments.refund_attempts + 1, \
             lease_until = excluded.lease_until, updated_at = excluded.updated_at \
             WHERE payments.amount = excluded.amount AND payments.currency = excluded.currency \
                 AND (payments.state IN ('SUCCEEDED', 'DECLINED') \
                     OR payments.state IN ('CHARGING', 'CANCELLING') AND payments.lease_until <= excluded.updated_at) \
         RETURNING order_id, payment_id, state, attempt, charge_id, refund_id, refund_attempts, updated_at"
    };
}

const CLAIM: Statement = Statement {
    sqlite: concat!(
        "INSERT INTO payments (order_id, payment_id, amount, currency, state, attempt, lease_until, refund_id, \
             created_at, updated_at) \
         SELECT value->>'order_id', value->>'payment_id', value->>'amount', value->>'currency', 'CANCELLED', 0, \
             now + (value->>'lease'), value->>'refund_id', now, now FROM json_each($1), (SELECT ",
        now!(sqlite),
        " AS now) WHERE true ",
        on_conflict!()
    ),
    postgres: concat!(
        "INSERT INTO payments (order_id, payment_id, amount, currency, state, attempt, lease_until, refund_id, \
             created_at, updated_at) \
         SELECT order_id, payment_id, amount, currency, 'CANCELLED', 0, now + lease, refund_id, now, now \
         FROM json_to_recordset(CAST($1 AS json)) AS claim (\
             order_id text, payment_id text, refund_id text, amount bigint, currency text, lease bigint), (SELECT ",
        now!(postgres),
        " AS now) AS clock ORDER BY order_id ",
        on_conflict!()
    ),
};

impl Claim {
    fn row(&self) -> ClaimRow<'_> {
        let OrderCreated { order_id, amount, ref currency, .. } = self.order;
        let (payment_id, refund_id) = (self.payment_id, self.refund_id);
        ClaimRow {
            order_id,
            payment_id,
            refund_id,
            amount,
            currency: currency.as_str(),
            lease: self.lease.as_millis() as i64,
        }
    }

    fn outcome(&self, row: &sqlx::any::AnyRow) -> Result<Outcome, sqlx::Error> {
        let attempt = Attempt::new(&self.order, read_id(row, "payment_id")?, row.try_get("attempt")?);
        let refund_id = read_id(row, "refund_id")?;
        if row.try_get::<String, _>("state")? == "CANCELLED" {
            let conclusion = Conclusion::Cancelled { refund_id };
            return Ok(Outcome::Cancelled(Ended { attempt, conclusion, concluded_at: read_time(row)? }));
        }
        let charged = row.try_get::<Option<String>, _>("charge_id")?.is_some();
        let tries = row.try_get("refund_attempts")?;
        Ok(Outcome::Cancelling(Cancellation { attempt, refund_id, tries, charged }))
    }
}

impl Write for Claim {
    /// None: the claim is not won.
    type Output = Option<Outcome>;

    fn key(&self) -> Option<Key> {
        Some(Key::of(self.order.order_id))
    }

    async fn run(set: &[&Self], connection: &mut Connection) -> Result<Vec<Self::Output>, sqlx::Error> {
        let rows: Vec<_> = set.iter().map(|claim| claim.row()).collect();
        let mut won = HashMap::new();
        for row in connection.rows(CLAIM, &rows).await? {
            let order_id: String = row.try_get("order_id")?;
            won.insert(order_id, row);
        }
        let outcome =
            |claim: &&Self| won.get(&claim.order.order_id.to_string()).map(|row| claim.outcome(row)).transpose();
        set.iter().map(outcome).collect()
    }
}

impl Ledger {
    /// Takes `order` back as far as that is possible without the provider, or asks for the right to refund it for as long as
    /// `lease`.
    pub async fn cancel(
        &self,
        order: OrderCreated,
        lease: Duration,
        trace: TraceContext,
    ) -> Result<Claimed<Cancellation>, WriteError> {
        let begun = Instant::now();
        let (payment_id, refund_id) = (Uuid::now_v7(), Uuid::now_v7());
        let claim = Claim { order: order.clone(), payment_id, refund_id, lease };
        match self.database.write(claim).await? {
            Some(Outcome::Cancelling(cancellation)) => {
                let whole = self.is_whole(cancellation.attempt, begun, lease).await?;
                return Ok(if whole { Claimed::Won(cancellation) } else { Claimed::Busy(lease) });
            }
            // Should this fail, the message is still there, and it is told when that comes again.
            Some(Outcome::Cancelled(ended)) => return Ok(Claimed::Concluded(self.tell_again(ended, trace).await?)),
            None => {}
        }
        Ok(match self.look(&order).await? {
            Seen::Ended(Ended { conclusion: Conclusion::Succeeded { .. } | Conclusion::Declined { .. }, .. }) => {
                // It has ended since the claim: the next one has it.
                Claimed::Busy(Duration::ZERO)
            }
            Seen::Ended(ended) => Claimed::Concluded(self.tell_again(ended, trace).await?),
            Seen::Charging(left) | Seen::Cancelling(left) => Claimed::Busy(left),
            Seen::OtherAmount => Claimed::OtherAmount,
            Seen::Newer(state) => Claimed::Newer(state),
        })
    }
}

impl Cancellation {
    /// Nothing was charged, and nothing will be.
    pub fn voided(&self) -> Conclusion {
        Conclusion::Cancelled { refund_id: self.refund_id }
    }

    /// The provider has given back what was charged, under this id of its own.
    pub fn refunded(&self, provider_refund_id: String) -> Conclusion {
        Conclusion::Refunded { refund_id: self.refund_id, provider_refund_id }
    }
}
