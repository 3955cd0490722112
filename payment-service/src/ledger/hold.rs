//! Holding on to a claimed row, and letting go of it.

use std::collections::HashSet;
use std::time::Duration;

use database::{Connection, Key, Statement, Write, WriteError, now};
use serde::Serialize;
use sqlx::Row;
use uuid::Uuid;

use super::{Attempt, Ledger};

/// Moves the end of an attempt's lease.
struct SetLease {
    attempt: Attempt,
    /// Counted from now.
    lease: Duration,
}

#[derive(Serialize)]
struct LeaseRow {
    order_id: Uuid,
    attempt: i64,
    lease: i64,
}

const SET_LEASE: Statement = Statement {
    sqlite: concat!(
        "UPDATE payments SET lease_until = now + (hold->>'lease'), updated_at = now \
         FROM (SELECT value AS hold, ",
        now!(sqlite),
        " AS now FROM json_each($1)) \
         WHERE order_id = hold->>'order_id' AND attempt = hold->>'attempt' \
             AND state IN ('CHARGING', 'CANCELLING') \
         RETURNING order_id"
    ),
    postgres: concat!(
        "WITH hold AS MATERIALIZED (SELECT hold.*, ",
        now!(postgres),
        " AS now FROM json_to_recordset(CAST($1 AS json)) AS hold (order_id text, attempt bigint, lease bigint) \
             ORDER BY order_id) \
         UPDATE payments SET lease_until = hold.now + hold.lease, updated_at = hold.now FROM hold \
         WHERE payments.order_id = ANY (ARRAY(SELECT hold.order_id FROM hold)) \
             AND payments.order_id = hold.order_id AND payments.attempt = hold.attempt \
             AND payments.state IN ('CHARGING', 'CANCELLING') \
         RETURNING payments.order_id"
    ),
};

impl Write for SetLease {
    /// Whether the attempt still has the row.
    type Output = bool;

    fn key(&self) -> Option<Key> {
        Some(Key::of(self.attempt.order_id))
    }

    async fn run(set: &[&Self], connection: &mut Connection) -> Result<Vec<bool>, sqlx::Error> {
        let mut rows = Vec::with_capacity(set.len());
        for SetLease { attempt: Attempt { order_id, number, .. }, lease } in set {
            rows.push(LeaseRow { order_id: *order_id, attempt: *number, lease: lease.as_millis() as i64 });
        }
        let held = connection.rows(SET_LEASE, &rows).await?;
        let held = held.iter().map(|row| row.try_get("order_id")).collect::<Result<HashSet<String>, _>>()?;
        Ok(rows.iter().map(|row| held.contains(&row.order_id.to_string())).collect())
    }
}

impl Ledger {
    /// Keeps the row for another `lease`; false if somebody else has it by now.
    pub async fn renew(&self, attempt: Attempt, lease: Duration) -> Result<bool, WriteError> {
        self.database.write(SetLease { attempt, lease }).await
    }

    /// Lets the next attempt begin at once.
    pub async fn release(&self, attempt: Attempt) -> Result<bool, WriteError> {
        self.database.write(SetLease { attempt, lease: Duration::ZERO }).await
    }
}
