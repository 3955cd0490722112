//! Concluding a payment or a cancellation: the ledger's row and the result event commit together, or not at all.

use std::collections::HashMap;

use database::{Connection, Key, Statement, Write, WriteError};
use jiff::Timestamp;
use outbox::{Message, MessageRow, insert_messages, message_columns};
use serde::Serialize;
use sqlx::Row;
use sqs::TraceContext;
use tokio::time::Instant;

use super::{Attempt, Conclusion, Ledger, result_event};

/// Whether an attempt could conclude.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The conclusion is in the ledger and its result on the way.
    Now,
    /// Another attempt has the row; nothing was written.
    Fenced,
}

struct Settle {
    attempt: Attempt,
    conclusion: Conclusion,
    /// The message's as well.
    concluded_at: Timestamp,
    message: Message,
}

/// The message's subject is the order's id.
#[derive(Serialize)]
struct SettleRow<'a> {
    attempt: i64,
    /// The state that the row must be in.
    from_state: &'a str,
    state: &'a str,
    charge_id: Option<&'a str>,
    reason: Option<&'a str>,
    provider_refund_id: Option<&'a str>,
    updated_at: i64,
    #[serde(flatten)]
    message: MessageRow<'a>,
}

/// The orders that are concluded now, each with its message's lease if that was not waiting already. (On SQLite such an
/// order comes twice, without the lease and with it.)
const SETTLE: Statement = Statement {
    sqlite: concat!(
        insert_messages!(
            sqlite,
            where "EXISTS (SELECT 1 FROM payments WHERE order_id = value->>'subject' \
                AND attempt = value->>'attempt' AND state = value->>'from_state')"
        ),
        "; UPDATE payments SET state = settled->>'state', charge_id = COALESCE(settled->>'charge_id', charge_id), \
               reason = COALESCE(settled->>'reason', reason), \
               provider_refund_id = settled->>'provider_refund_id', updated_at = settled->>'updated_at' \
           FROM (SELECT value AS settled FROM json_each($1)) \
           WHERE order_id = settled->>'subject' AND attempt = settled->>'attempt' \
               AND payments.state = settled->>'from_state' \
           RETURNING order_id AS subject, NULL AS lease_until"
    ),
    postgres: concat!(
        "WITH settled AS MATERIALIZED (SELECT * FROM json_to_recordset(CAST($1 AS json)) AS settled (\
             attempt bigint, from_state text, state text, charge_id text, reason text, provider_refund_id text, \
             updated_at bigint, ",
        message_columns!(),
        ") ORDER BY subject), concluded AS (\
             UPDATE payments SET state = settled.state, \
                 charge_id = COALESCE(settled.charge_id, payments.charge_id), \
                 reason = COALESCE(settled.reason, payments.reason), \
                 provider_refund_id = settled.provider_refund_id, updated_at = settled.updated_at \
             FROM settled \
             WHERE payments.order_id = ANY (ARRAY(SELECT settled.subject FROM settled)) \
                 AND payments.order_id = settled.subject AND payments.attempt = settled.attempt \
                 AND payments.state = settled.from_state \
             RETURNING payments.order_id), \
         told AS (",
        insert_messages!(postgres, from "settled" where "subject IN (SELECT order_id FROM concluded)"),
        ") SELECT order_id AS subject, lease_until FROM concluded LEFT JOIN told ON told.subject = order_id"
    ),
};

impl Settle {
    fn row(&self) -> SettleRow<'_> {
        let [mut charge_id, mut reason, mut provider_refund_id] = [None; 3];
        let (from_state, state) = match &self.conclusion {
            Conclusion::Succeeded { charge_id: id } => {
                charge_id = Some(id.as_str());
                ("CHARGING", "SUCCEEDED")
            }
            Conclusion::Declined { reason: why } => {
                reason = Some(why.as_str());
                ("CHARGING", "DECLINED")
            }
            Conclusion::Cancelled { .. } => ("CANCELLING", "CANCELLED"),
            Conclusion::Refunded { provider_refund_id: id, .. } => {
                provider_refund_id = Some(id.as_str());
                ("CANCELLING", "REFUNDED")
            }
        };
        let (attempt, updated_at) = (self.attempt.number, self.concluded_at.as_millisecond());
        let message = self.message.row();
        SettleRow { attempt, from_state, state, charge_id, reason, provider_refund_id, updated_at, message }
    }
}

impl Write for Settle {
    /// If it is concluded now, its message's lease if that was not waiting already.
    type Output = Option<Option<i64>>;

    fn key(&self) -> Option<Key> {
        Some(Key::of(self.attempt.order_id))
    }

    async fn run(set: &[&Self], connection: &mut Connection) -> Result<Vec<Option<Option<i64>>>, sqlx::Error> {
        let rows: Vec<_> = set.iter().map(|settle| settle.row()).collect();
        let mut concluded: HashMap<String, Option<i64>> = HashMap::new();
        for row in connection.rows(SETTLE, &rows).await? {
            let lease = row.try_get::<Option<i64>, _>("lease_until")?;
            let known = concluded.entry(row.try_get("subject")?).or_default();
            *known = known.or(lease);
        }
        Ok(set.iter().map(|settle| concluded.remove(&settle.attempt.order_id.to_string())).collect())
    }

    fn committed(self, concluded: &Option<Option<i64>>, begun: Instant) {
        if let Some(Some(lease)) = concluded {
            self.message.committed(*lease, begun);
        }
    }
}

impl Ledger {
    /// Concludes what the attempt was made for. Once this returns `Now`, it is on the disk and its result will be told.
    pub async fn settle(
        &self,
        attempt: Attempt,
        conclusion: Conclusion,
        trace: TraceContext,
    ) -> Result<Settled, WriteError> {
        // To the millisecond, as the row keeps it: told again, it is the same event to the letter.
        let concluded_at = Timestamp::from_millisecond(Timestamp::now().as_millisecond()).unwrap_or_default();
        let message = self.message(&result_event(&attempt, &conclusion, concluded_at), trace);
        let settle = Settle { attempt, conclusion, concluded_at, message };
        Ok(if self.database.write(settle).await?.is_some() { Settled::Now } else { Settled::Fenced })
    }
}
