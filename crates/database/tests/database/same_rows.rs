//! Many writes that want the same few rows.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use database::Write;
use futures::future::join_all;
use sqlx::AnyConnection;

use crate::{Books, Entry, Touch};

const ROWS: i64 = 20;
const WRITES: i64 = 2000;

/// Seven and twenty have no common divisor: every row comes up, and its neighbours are never in order.
fn row_of(number: i64) -> i64 {
    (number * 7) % ROWS
}

async fn books() -> Books {
    let books = Books::open().await;
    for id in 0..ROWS {
        books.database.write(Entry::new(id)).await.unwrap();
    }
    books
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_of_two_instances_that_want_the_same_rows_all_get_through() {
    let books = books().await;
    // Two instances of a service, each with its own writers.
    let databases = [books.database.clone(), books.reopened().await];
    let writes = (0..WRITES).map(|number| {
        let database = &databases[number as usize % 2];
        async move {
            // Others are waited for, but not for ever.
            while let Err(error) = database.write(Touch::new(row_of(number))).await {
                assert!(error.is_locked(), "{error}");
            }
        }
    });
    join_all(writes).await;
}

/// Which rows each transaction wanted, in order.
type Orders = Arc<Mutex<BTreeMap<String, Vec<i64>>>>;

/// Notes in which transaction its turn came.
struct Noted {
    id: i64,
    orders: Orders,
}

impl Write for Noted {
    type Output = ();

    fn contended_row(&self) -> Option<String> {
        Some(format!("{:02}", self.id))
    }

    async fn run(&self, transaction: &mut AnyConnection) -> Result<(), sqlx::Error> {
        let transaction = sqlx::query_scalar("SELECT CAST(txid_current() AS TEXT)").fetch_one(transaction).await?;
        self.orders.lock().unwrap().entry(transaction).or_default().push(self.id);
        Ok(())
    }
}

#[tokio::test]
async fn groups_take_their_rows_in_one_order_so_that_none_waits_for_another_in_a_circle() {
    let books = books().await;
    if !books.databases.on_postgres() {
        return; // One writer.
    }
    let orders = Orders::default();
    let writes = (0..WRITES).map(|number| books.database.write(Noted { id: row_of(number), orders: orders.clone() }));
    join_all(writes).await.into_iter().for_each(Result::unwrap);
    let orders = orders.lock().unwrap();
    assert!(orders.values().any(|rows| rows.len() >= ROWS as usize), "no group");
    for (transaction, rows) in orders.iter() {
        assert!(rows.is_sorted(), "transaction {transaction} took {rows:?}");
    }
}
