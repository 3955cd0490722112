//! Closing commits what has been taken and refuses the rest.

use database::WriteError;
use futures::FutureExt;
use futures::future::join_all;

use crate::{Books, Entry};

#[tokio::test]
async fn a_closed_database_refuses_writes_and_says_so() {
    let books = Books::open().await;
    books.database.close().await;
    assert!(matches!(books.database.write(Entry::new(1)).await, Err(WriteError::Closed)));
    assert!(books.database.ping(std::time::Duration::from_secs(1)).await.is_err());
    books.database.close().await;
    assert!(books.ids_in(&books.reopened().await).await.is_empty());
}

#[tokio::test]
async fn writes_under_way_at_the_close_are_committed() {
    let books = Books::open().await;
    let mut writes = Box::pin(join_all((0..300).map(|id| books.database.write(Entry::new(id)))));
    // Polled once, each has been handed over.
    assert!(writes.as_mut().now_or_never().is_none());
    let (answers, ()) = futures::join!(writes, books.database.close());
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(books.ids_in(&books.reopened().await).await, (0..300).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_write_whose_caller_has_gone_is_there_as_a_whole_or_not_at_all() {
    let books = Books::open().await;
    for id in 0..100 {
        let mut write = Box::pin(books.database.write(Entry::new(id)));
        assert!(write.as_mut().now_or_never().is_none());
        if id % 2 == 0 {
            tokio::task::yield_now().await;
        }
        drop(write);
    }
    books.database.close().await;
    // What was handed over is written, whoever waits for it.
    assert_eq!(books.ids_in(&books.reopened().await).await, (0..100).collect::<Vec<_>>());
}
