//! A write that fails harms itself alone.

use database::WriteError;
use futures::future::join_all;

use crate::{Books, Entry, Trouble};

async fn every_tenth_is(trouble: Trouble) {
    let books = Books::open().await;
    let troubled = |id: i64| id % 10 == 3;
    let writes = (0..100).map(|id| {
        let trouble = if troubled(id) { trouble } else { Trouble::None };
        books.database.write(Entry::with(id, trouble))
    });
    let answers = join_all(writes).await;
    for (id, answer) in (0..).zip(&answers) {
        match answer {
            Ok(answer) => assert_eq!((*answer, troubled(id)), (id, false)),
            Err(error) => assert!(troubled(id) && !error.is_locked() && !error.is_outage(), "{id}: {error}"),
        }
    }
    assert_eq!(books.ids().await, (0..100).filter(|id| !troubled(*id)).collect::<Vec<_>>());
    assert_eq!(books.database.write(Entry::new(100)).await.unwrap(), 100);
}

#[tokio::test]
async fn a_write_that_the_database_refuses_does_not_harm_those_that_share_its_transaction() {
    every_tenth_is(Trouble::Refused).await;
}

#[tokio::test]
async fn a_write_that_panics_does_not_harm_those_that_share_its_transaction() {
    every_tenth_is(Trouble::Panic).await;
}

#[tokio::test]
async fn a_refused_write_tells_why() {
    let books = Books::open().await;
    books.database.write(Entry::new(1)).await.unwrap();
    let error = books.database.write(Entry::new(1)).await.unwrap_err();
    let WriteError::Database(error) = error else { panic!("{error}") };
    assert!(error.as_database_error().unwrap().is_unique_violation());
}
