//! A write of many rows has a transaction of its own.

use std::sync::atomic::Ordering;

use database::{Connection, Write};
use futures::future::{join, join_all};

use crate::{Books, Entry};

/// Fails, and takes with it whatever shares its transaction.
struct Sweep;

impl Write for Sweep {
    type Output = ();

    const ALONE: bool = true;

    async fn run(set: &[&Self], connection: &mut Connection) -> Result<Vec<()>, sqlx::Error> {
        sqlx::query("INSERT INTO entries VALUES (NULL, NULL)").execute(connection.any()).await?;
        Ok(vec![(); set.len()])
    }
}

#[tokio::test]
async fn a_write_that_is_to_be_alone_shares_its_transaction_with_none_that_came_with_it() {
    let books = Books::open().await;
    let entries: Vec<_> = (0..40).map(Entry::new).collect();
    let runs: Vec<_> = entries.iter().map(Entry::runs).collect();
    let entries = join_all(entries.into_iter().map(|entry| books.database.write(entry)));
    // Last, so that the entries would have been run before it failed.
    let (entries, swept) = join(entries, books.database.write(Sweep)).await;
    let error = swept.unwrap_err();
    assert!(!error.is_outage() && !error.is_locked(), "{error}");
    assert!(entries.iter().all(Result::is_ok));
    assert!(runs.iter().all(|runs| runs.load(Ordering::SeqCst) == 1), "an entry was run again");
    assert_eq!(books.ids().await, (0..40).collect::<Vec<_>>());
}
