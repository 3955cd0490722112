//! A lock that somebody else holds for a moment is waited for.

use sqlx::{AnyConnection, Connection};
use testbed::never;

use crate::{Books, Entry};

#[tokio::test]
async fn a_write_waits_for_another_process_that_holds_the_lock() {
    let books = Books::open().await;
    let mut other = AnyConnection::connect(&books.url).await.unwrap();
    let lock = if books.databases.on_postgres() {
        "BEGIN; LOCK TABLE entries IN EXCLUSIVE MODE"
    } else {
        "BEGIN IMMEDIATE; INSERT INTO entries VALUES (-1, 'debit'); INSERT INTO entries VALUES (-1, 'credit')"
    };
    sqlx::raw_sql(lock).execute(&mut other).await.unwrap();
    let database = books.database.clone();
    let write = tokio::spawn(async move { database.write(Entry::new(1)).await });
    let reads = async {
        for _ in 0..5 {
            assert!(books.ids().await.is_empty());
        }
    };
    never("written past a lock", reads, async || write.is_finished()).await;
    sqlx::raw_sql("COMMIT").execute(&mut other).await.unwrap();
    assert_eq!(write.await.unwrap().unwrap(), 1);
    assert_eq!(books.ids().await.last(), Some(&1));
}
