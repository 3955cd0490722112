//! A row that somebody else has and does not give up.

use std::sync::atomic::Ordering;

use database::WriteError;
use futures::future::join_all;
use sqlx::{AnyConnection, AssertSqlSafe};
use testbed::eventually;

use crate::{Books, Entry, Touch};

const INNOCENT: i64 = 50;

/// Locks the rows of these entries until the transaction ends; on SQLite the whole database.
async fn hold(outsider: &mut AnyConnection, books: &Books, ids: std::ops::Range<i64>) {
    let begin = if books.databases.on_postgres() { "BEGIN" } else { "BEGIN IMMEDIATE" };
    let lock = format!("{begin}; UPDATE entries SET side = side WHERE id >= {} AND id < {}", ids.start, ids.end);
    sqlx::raw_sql(AssertSqlSafe(lock)).execute(outsider).await.unwrap();
}

async fn let_go(outsider: &mut AnyConnection) {
    sqlx::raw_sql("ROLLBACK").execute(outsider).await.unwrap();
}

async fn books_of(entries: i64) -> Books {
    let books = Books::open().await;
    join_all((0..entries).map(|id| books.database.write(Entry::new(id)))).await.into_iter().for_each(|id| {
        id.unwrap();
    });
    books
}

/// Writes all rows at once while those of the `held` entries that come after the innocent ones are held; returns how often
/// the others were run. They come first in a group, so they would have been run before it failed.
async fn write_all(books: &Books, held: i64) -> Vec<usize> {
    let writes: Vec<_> = (0..INNOCENT + held).map(Touch::new).collect();
    let runs: Vec<_> = writes.iter().map(Touch::runs).collect();
    let answers = join_all(writes.into_iter().map(|write| books.database.write(write))).await;
    for (id, answer) in (0..).zip(answers) {
        match answer {
            Ok(()) => assert!(id < INNOCENT, "{id} was written past a lock"),
            Err(error) => assert!(id >= INNOCENT && error.is_locked(), "{id}: {error}"),
        }
    }
    runs.into_iter().take(INNOCENT as usize).map(|runs| runs.load(Ordering::SeqCst)).collect()
}

async fn only_those_that_want_a_held_row_fail(held: i64) {
    let books = books_of(INNOCENT + held).await;
    if !books.databases.on_postgres() {
        return; // SQLite has no lock on rows.
    }
    let mut outsider = books.outsider().await;
    hold(&mut outsider, &books, INNOCENT..INNOCENT + held).await;
    write_all(&books, held).await;
    // Now the rows are known to be held, and nobody is put into one group with them.
    assert!(write_all(&books, held).await.iter().all(|runs| *runs == 1));
    let_go(&mut outsider).await;
    for id in INNOCENT..INNOCENT + held {
        books.database.write(Touch::new(id)).await.unwrap();
    }
}

#[tokio::test]
async fn a_write_whose_row_somebody_else_has_fails_alone_and_gets_through_afterwards() {
    only_those_that_want_a_held_row_fail(1).await;
}

#[tokio::test]
async fn as_many_rows_as_a_frozen_writer_can_hold_harm_nobody_else() {
    only_those_that_want_a_held_row_fail(40).await;
}

#[tokio::test]
async fn a_write_that_has_given_up_leaves_no_session_that_waits_for_the_lock() {
    let books = books_of(1).await;
    if !books.databases.on_postgres() {
        return; // No sessions.
    }
    let mut outsider = books.outsider().await;
    hold(&mut outsider, &books, 0..1).await;
    assert!(books.database.write(Touch::new(0)).await.unwrap_err().is_locked());
    eventually("the end of all waits for the lock, which is still held", async || {
        let waiting = "SELECT COUNT(*) FROM pg_stat_activity \
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let waiting: i64 = sqlx::query_scalar(waiting).fetch_one(&mut outsider).await.unwrap();
        (waiting == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_sqlite_database_that_another_process_does_not_let_go_of_is_an_outage() {
    let books = books_of(1).await;
    if books.databases.on_postgres() {
        return;
    }
    let mut outsider = books.outsider().await;
    hold(&mut outsider, &books, 0..1).await;
    let error: WriteError = books.database.write(Touch::new(0)).await.unwrap_err();
    assert!(error.is_outage() && !error.is_locked(), "{error}");
    let_go(&mut outsider).await;
    books.database.write(Touch::new(0)).await.unwrap();
}
