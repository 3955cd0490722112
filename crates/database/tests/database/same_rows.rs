//! Many writes that want the same few rows.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use database::Write;
use futures::future::join_all;
use sqlx::AnyConnection;

use crate::{Books, Entry};

const ROWS: i64 = 20;
const WRITES: usize = 2000;

/// Locks the rows of an entry.
struct Touch {
    id: i64,
    runs: Arc<AtomicUsize>,
}

impl Write for Touch {
    type Output = ();

    fn contended_row(&self) -> Option<String> {
        Some(self.id.to_string())
    }

    async fn run(&self, transaction: &mut AnyConnection) -> Result<(), sqlx::Error> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        sqlx::query("UPDATE entries SET side = side WHERE id = $1").bind(self.id).execute(transaction).await?;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_that_want_the_same_rows_never_wait_for_each_other_in_a_circle() {
    let books = Books::open().await;
    for id in 0..ROWS {
        books.database.write(Entry::new(id)).await.unwrap();
    }
    // Two instances of a service, each with its own writers.
    let databases = [books.database.clone(), books.reopened().await];
    let runs = Arc::<AtomicUsize>::default();
    let writes = (0..WRITES).map(|number| {
        // Seven and twenty have no common divisor: every row comes up, and its neighbours are never in order.
        let touch = Touch { id: (number as i64 * 7) % ROWS, runs: runs.clone() };
        databases[number % 2].write(touch)
    });
    join_all(writes).await.into_iter().for_each(Result::unwrap);
    // The database would have ended a circle by refusing one of the groups, which are then run once more.
    assert_eq!(runs.load(Ordering::SeqCst), WRITES);
}
