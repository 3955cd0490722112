//! Why a claim was not won.

use std::time::Duration;

use contracts::OrderCreated;
use database::{Statement, WriteError, now};
use jiff::Timestamp;
use sqlx::Row;
use sqlx::any::AnyRow;
use sqs::TraceContext;
use uuid::Uuid;

use super::{Attempt, Conclusion, Ledger, result_event};

/// What an order's row says.
pub(super) enum Seen {
    /// Somebody is charging it; this is left of the lease.
    Charging(Duration),
    /// Somebody is taking it back; this is left of the lease.
    Cancelling(Duration),
    /// It has come to an end.
    Ended(Ended),
    /// It is about another amount or currency.
    OtherAmount,
    /// A state that is not known here.
    Newer(String),
}

/// An end, as it was told when it came.
pub(super) struct Ended {
    pub(super) attempt: Attempt,
    pub(super) conclusion: Conclusion,
    pub(super) concluded_at: Timestamp,
}

/// What a claim is decided by; `left_of_lease` is what is left of the lease, by the clock that it goes by.
macro_rules! look {
    ($engine:ident) => {
        concat!(
            "SELECT payment_id, amount, currency, state, attempt, charge_id, reason, refund_id, provider_refund_id, \
                 updated_at, lease_until - ",
            now!($engine),
            " AS left_of_lease FROM payments WHERE order_id = $1"
        )
    };
}

const LOOK: Statement = Statement { sqlite: look!(sqlite), postgres: look!(postgres) };

pub(super) fn read_id(row: &AnyRow, column: &str) -> Result<Uuid, sqlx::Error> {
    Uuid::try_parse(row.try_get(column)?)
        .map_err(|error| sqlx::Error::ColumnDecode { index: column.to_owned(), source: error.into() })
}

pub(super) fn read_time(row: &AnyRow) -> Result<Timestamp, sqlx::Error> {
    Ok(Timestamp::from_millisecond(row.try_get("updated_at")?).unwrap_or_default())
}

impl Ledger {
    pub(super) async fn look(&self, order: &OrderCreated) -> Result<Seen, WriteError> {
        let look = sqlx::query(LOOK.on(self.database.engine()));
        let row = look.bind(order.order_id.to_string()).fetch_one(self.database.reads()).await;
        Ok(read(&self.database.noted(row)?, order)?)
    }

    /// A message has come again, so what it led to may not have arrived: telling it twice does no harm.
    pub(super) async fn tell_again(&self, ended: Ended, trace: TraceContext) -> Result<Conclusion, WriteError> {
        let Ended { attempt, conclusion, concluded_at } = ended;
        let event = result_event(&attempt, &conclusion, concluded_at);
        self.outbox.add(self.message(&event, trace)).await?;
        Ok(conclusion)
    }
}

fn read(row: &AnyRow, order: &OrderCreated) -> Result<Seen, sqlx::Error> {
    let state: String = row.try_get("state")?;
    let same_amount = row.try_get::<i64, _>("amount")? == order.amount
        && row.try_get::<String, _>("currency")? == order.currency.as_str();
    let left = || Ok::<_, sqlx::Error>(Duration::from_millis(row.try_get::<i64, _>("left_of_lease")?.max(0) as u64));
    let ended = |conclusion| {
        let attempt = Attempt::new(order, read_id(row, "payment_id")?, row.try_get("attempt")?);
        Ok::<_, sqlx::Error>(Seen::Ended(Ended { attempt, conclusion, concluded_at: read_time(row)? }))
    };
    let seen = match state.as_str() {
        "CHARGING" => Seen::Charging(left()?),
        "CANCELLING" => Seen::Cancelling(left()?),
        "SUCCEEDED" => ended(Conclusion::Succeeded { charge_id: row.try_get("charge_id")? })?,
        "DECLINED" => ended(Conclusion::Declined { reason: row.try_get("reason")? })?,
        "CANCELLED" => ended(Conclusion::Cancelled { refund_id: read_id(row, "refund_id")? })?,
        "REFUNDED" => ended(Conclusion::Refunded {
            refund_id: read_id(row, "refund_id")?,
            provider_refund_id: row.try_get("provider_refund_id")?,
        })?,
        _ => return Ok(Seen::Newer(state)),
    };
    Ok(if same_amount { seen } else { Seen::OtherAmount })
}
