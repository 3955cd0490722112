//! What is in the services' databases.

use std::collections::BTreeMap;

use sqlx::{AnyConnection, Connection, Row};

use crate::Scene;

/// Both databases at one moment.
pub struct Books {
    /// Amount and status of each order, by its id.
    pub orders: BTreeMap<String, (i64, String)>,
    /// Each idempotency key that has placed an order, with its order's id.
    pub keys: Vec<(String, String)>,
    /// Amount and state of each ledger row, by its order's id.
    pub payments: BTreeMap<String, (i64, String)>,
}

impl Books {
    /// Reads everything.
    pub async fn read(scene: &Scene) -> Result<Self, sqlx::Error> {
        let mut orders = connect(&scene.orders_database).await?;
        let mut payments = connect(&scene.payments_database).await?;
        let keys = sqlx::query("SELECT idempotency_key, order_id FROM idempotency_keys WHERE cancellation_id IS NULL")
            .fetch_all(&mut orders)
            .await?;
        Ok(Self {
            orders: by_id(&mut orders, "SELECT order_id, amount, status FROM orders").await?,
            keys: keys.iter().map(|row| (row.get(0), row.get(1))).collect(),
            payments: by_id(&mut payments, "SELECT order_id, amount, state FROM payments").await?,
        })
    }

    /// How many orders are pending or being taken back, and how many events wait in both outboxes.
    pub async fn unfinished(scene: &Scene) -> Result<(i64, i64), sqlx::Error> {
        let mut orders = connect(&scene.orders_database).await?;
        let mut payments = connect(&scene.payments_database).await?;
        let pending = sqlx::query_scalar("SELECT COUNT(*) FROM orders WHERE status IN ('PENDING', 'CANCELLING')");
        let pending = pending.fetch_one(&mut orders).await?;
        let mut waiting = 0;
        for connection in [&mut orders, &mut payments] {
            waiting += sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM outbox").fetch_one(connection).await?;
        }
        Ok((pending, waiting))
    }
}

async fn by_id(
    connection: &mut AnyConnection,
    sql: &'static str,
) -> Result<BTreeMap<String, (i64, String)>, sqlx::Error> {
    let rows = sqlx::query(sql).fetch_all(connection).await?;
    Ok(rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect())
}

async fn connect(url: &str) -> Result<AnyConnection, sqlx::Error> {
    sqlx::any::install_default_drivers();
    AnyConnection::connect(url).await
}
