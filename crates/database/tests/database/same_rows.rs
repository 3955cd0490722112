//! Many writes that want the same few rows.

use database::Database;
use futures::future::{JoinAll, join_all};

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

#[tokio::test(flavor = "multi_thread")]
async fn sets_take_their_rows_in_one_order_so_that_none_waits_for_another_in_a_circle() {
    let books = books().await;
    if !books.databases.on_postgres() {
        return; // One writer.
    }
    let databases = [books.database.clone(), books.reopened().await];
    let writes = (0..WRITES).map(|number| {
        let database = databases[number as usize % 2].clone();
        // The two come to the rows from either end.
        let row = if number % 2 == 0 { number / 2 % ROWS } else { ROWS - 1 - number / 2 % ROWS };
        tokio::spawn(
            async move { while database.write(Touch::new(row)).await.is_err_and(|error| error.is_locked()) {} },
        )
    });
    join_all(writes).await.into_iter().for_each(Result::unwrap);
    // Sessions tell of their deadlocks when they end.
    databases.iter().map(Database::close).collect::<JoinAll<_>>().await;
    let circles = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    let circles: i64 = sqlx::query_scalar(circles).fetch_one(&mut books.outsider().await).await.unwrap();
    assert_eq!(circles, 0);
}
