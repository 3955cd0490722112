//! Orders in the database, with their idempotency keys and the outbox.

/// All columns of an order: what [`read`] reads.
macro_rules! order_columns {
    () => {
        "order_id, user_id, amount, currency, status, created_at, updated_at"
    };
}

mod cancel;
mod keys;
mod list;
mod pending;
mod place;
mod settle;
mod waiting;

use contracts::Currency;
use database::Database;
use jiff::Timestamp;
use outbox::Outbox;
use sqlx::Row;
use sqlx::any::AnyRow;
use sqlx::migrate::Migrator;
use uuid::Uuid;

use crate::order::{NewOrder, Order, OrderStatus, UserId};
use crate::total::OrderTotal;

pub use cancel::{CANCEL, CancelOrder, Cancelled, FIND_USE, LIST_CANCELLING};
pub(crate) use keys::KEYS_KEPT_DAYS;
pub use keys::forget_statement;
pub use list::{ListOrders, Page};
pub use place::{FIND_KEY, PLACE, PlaceOrder, Placed};
pub use settle::{SETTLE, Settled, Settlement};
use waiting::Waiting;
pub use waiting::ended_statement;

/// The order of an id.
pub const FIND_ORDER: &str = concat!("SELECT ", order_columns!(), " FROM orders WHERE order_id = $1");

/// The schema.
pub static MIGRATIONS: Migrator = sqlx::migrate!();

/// The orders of this service; cheap to clone.
#[derive(Clone)]
pub struct OrderStore {
    database: Database,
    outbox: Outbox,
    waiting: Waiting,
}

impl OrderStore {
    /// The orders in `database`, their events going out through `outbox`.
    pub fn new(database: Database, outbox: Outbox) -> Self {
        Self { database, outbox, waiting: Waiting::default() }
    }

    /// The order of that id.
    pub async fn get(&self, id: Uuid) -> Result<Option<Order>, sqlx::Error> {
        let row = sqlx::query(FIND_ORDER).bind(id.to_string()).fetch_optional(self.database.reads()).await;
        self.database.noted(row)?.map(|row| read(&row)).transpose()
    }
}

fn read(row: &AnyRow) -> Result<Order, sqlx::Error> {
    Ok(Order {
        id: parsed(row, "order_id", Uuid::try_parse)?,
        placed: NewOrder {
            user_id: UserId::from_stored(row.try_get("user_id")?),
            total: OrderTotal::from_minor_units(row.try_get("amount")?),
            currency: parsed(row, "currency", Currency::accepted)?,
        },
        status: OrderStatus::from_stored(row.try_get("status")?),
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
    })
}

fn parsed<T, E>(row: &AnyRow, column: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> Result<T, sqlx::Error>
where
    E: std::error::Error + Send + Sync + 'static,
{
    parse(row.try_get(column)?)
        .map_err(|error| sqlx::Error::ColumnDecode { index: column.to_owned(), source: error.into() })
}

fn time(row: &AnyRow, column: &str) -> Result<Timestamp, sqlx::Error> {
    Timestamp::from_millisecond(row.try_get(column)?)
        .map_err(|error| sqlx::Error::ColumnDecode { index: column.to_owned(), source: error.into() })
}
