//! Writes that come together commit together; each gets its own answer.

use std::sync::atomic::Ordering;

use futures::future::join_all;

use crate::{Books, Entry, Trouble};

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
async fn writes_that_have_gathered_share_a_transaction() {
    let books = Books::open().await;
    let last = 39;
    let writes: Vec<Entry> =
        (0..=last).map(|id| Entry::with(id, if id == last { Trouble::Refused } else { Trouble::None })).collect();
    let runs: Vec<_> = writes.iter().map(Entry::runs).collect();
    let answers = join_all(writes.into_iter().map(|write| books.database.write(write))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_err()).count(), 1);
    // Those that shared the refused one's transaction were undone with it, and run once more alone.
    let twice = runs.iter().filter(|runs| runs.load(Ordering::SeqCst) == 2).count();
    assert!(twice >= 20, "only {twice} writes were in one transaction");
    assert_eq!(books.ids().await, (0..last).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_a_write_has_answered_can_be_read_at_once() {
    let books = Books::open().await;
    for id in 0..20 {
        books.database.write(Entry::new(id)).await.unwrap();
        assert_eq!(books.ids().await.last(), Some(&id));
    }
}
