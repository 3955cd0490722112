//! Writes that come together are made together; each gets its own answer.

use std::collections::HashSet;

use database::{Connection, Key, Write};
use futures::future::join_all;

use crate::{Books, Entry};

/// Tells how many were in its set.
struct Counted(Option<i64>);

impl Write for Counted {
    type Output = usize;

    fn key(&self) -> Option<Key> {
        self.0.map(Key::of)
    }

    async fn run(set: &[&Self], _: &mut Connection) -> Result<Vec<usize>, sqlx::Error> {
        let mut rows = HashSet::new();
        assert!(set.iter().filter_map(|counted| counted.0).all(|row| rows.insert(row)), "a key is twice in a set");
        Ok(vec![set.len(); set.len()])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_concurrent_writes_all_commit_and_each_gets_its_own_answer() {
    let books = Books::open().await;
    let writes = (0..1000).map(|id| {
        let database = books.database.clone();
        tokio::spawn(async move { database.write(Entry::new(id)).await.unwrap() })
    });
    let answers: Vec<i64> = join_all(writes).await.into_iter().map(Result::unwrap).collect();
    let ids: Vec<i64> = (0..1000).collect();
    assert_eq!(answers, ids);
    assert_eq!(books.ids().await, ids);
}

#[tokio::test]
async fn writes_that_have_gathered_are_one_set() {
    let books = Books::open().await;
    let sizes = join_all((0..400).map(|_| books.database.write(Counted(None)))).await;
    let largest = sizes.into_iter().map(Result::unwrap).max();
    assert!(largest.is_some_and(|largest| largest >= 50), "{largest:?} at most");
}

#[tokio::test]
async fn writes_of_one_key_are_never_in_one_set() {
    let books = Books::open().await;
    let sizes = join_all((0..400).map(|number| books.database.write(Counted(Some(number % 20))))).await;
    // Their sets have been asserted to have each key once.
    let largest = sizes.into_iter().map(Result::unwrap).max();
    assert!(largest.is_some_and(|largest| largest > 1), "no sets at all");
}

#[tokio::test]
async fn what_a_write_has_answered_can_be_read_at_once() {
    let books = Books::open().await;
    for id in 0..20 {
        books.database.write(Entry::new(id)).await.unwrap();
        assert_eq!(books.ids().await.last(), Some(&id));
    }
}
