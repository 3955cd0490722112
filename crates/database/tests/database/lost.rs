//! A connection that is lost, a client that freezes, a server that does not answer: everybody knows within seconds.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use database::{Connection, Key, Write, WriteError};
use futures::future::{join, join_all};
use testbed::eventually;
use tokio::sync::Semaphore;

use crate::entries::open;
use crate::{Books, Entry, Touch, Wire};

/// Stands still in the middle of its run until it is let on.
#[derive(Clone)]
struct Frozen {
    id: i64,
    /// Permits to go on.
    thaw: Arc<Semaphore>,
    session: Arc<Mutex<Option<i32>>>,
    runs: Arc<AtomicUsize>,
}

impl Frozen {
    fn new(id: i64) -> Self {
        Self { id, thaw: Arc::new(Semaphore::new(0)), session: Arc::default(), runs: Arc::default() }
    }

    /// The process on the server that it is run by.
    async fn session(&self) -> i32 {
        eventually("the session", async || *self.session.lock().unwrap()).await
    }
}

impl Write for Frozen {
    type Output = ();

    fn key(&self) -> Option<Key> {
        Some(Key::of(self.id))
    }

    async fn run(set: &[&Self], connection: &mut Connection) -> Result<Vec<()>, sqlx::Error> {
        for frozen in set {
            frozen.runs.fetch_add(1, Ordering::SeqCst);
            let session = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(connection.any()).await?;
            *frozen.session.lock().unwrap() = Some(session);
            frozen.thaw.acquire().await.unwrap().forget();
            let lock = "UPDATE entries SET side = side WHERE id = $1";
            sqlx::query(lock).bind(frozen.id).execute(connection.any()).await?;
        }
        Ok(vec![(); set.len()])
    }
}

#[tokio::test]
async fn all_that_were_taken_with_a_write_whose_connection_is_lost_know_at_once() {
    let books = Books::open().await;
    if !books.databases.on_postgres() {
        return; // Nothing to be lost.
    }
    let frozen = Frozen::new(0);
    let others: Vec<_> = (0..40).map(Entry::new).collect();
    let runs: Vec<_> = others.iter().map(Entry::runs).collect();
    // They come after the frozen one, so those with the same writer have not been run when it is lost.
    let others = join_all(others.into_iter().map(|entry| books.database.write(entry)));
    let cut = async {
        let mut outsider = books.outsider().await;
        let session = frozen.session().await;
        sqlx::query("SELECT pg_terminate_backend($1)").bind(session).execute(&mut outsider).await.unwrap();
        frozen.thaw.add_permits(100);
    };
    let (answer, (answers, ())) = join(books.database.write(frozen.clone()), join(others, cut)).await;
    let error = answer.unwrap_err();
    assert!(error.is_outage(), "{error}");
    assert_eq!(frozen.runs.load(Ordering::SeqCst), 1, "run again on another connection");
    let lost = answers.iter().filter(|answer| answer.as_ref().is_err_and(WriteError::is_outage)).count();
    assert!(lost >= 5, "only {lost} were with the writer that was lost");
    assert!(runs.iter().all(|runs| runs.load(Ordering::SeqCst) <= 1));
    books.database.write(Entry::new(100)).await.unwrap();
}

/// Locks a row, then stops its thread, and with it all timers of its instance, as a frozen machine does.
struct Stopped {
    id: i64,
    locked: Arc<Semaphore>,
    thaw: Mutex<mpsc::Receiver<()>>,
}

impl Write for Stopped {
    type Output = ();

    async fn run(set: &[&Self], connection: &mut Connection) -> Result<Vec<()>, sqlx::Error> {
        for stopped in set {
            let lock = "UPDATE entries SET side = side WHERE id = $1";
            sqlx::query(lock).bind(stopped.id).execute(connection.any()).await?;
            stopped.locked.add_permits(1);
            stopped.thaw.lock().unwrap().recv().unwrap();
        }
        Ok(vec![(); set.len()])
    }
}

#[tokio::test]
async fn a_frozen_instance_holds_no_row() {
    let books = Books::open().await;
    if !books.databases.on_postgres() {
        return; // One instance.
    }
    books.database.write(Entry::new(0)).await.unwrap();
    let (thaw, frozen) = mpsc::channel();
    let locked = Arc::new(Semaphore::new(0));
    let stopped = Stopped { id: 0, locked: locked.clone(), thaw: Mutex::new(frozen) };
    let url = books.url.clone();
    let instance = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { open(&url).await.write(stopped).await })
    });
    locked.acquire().await.unwrap().forget();
    books.database.write(Touch::new(0)).await.unwrap();
    thaw.send(()).unwrap();
    instance.join().unwrap().unwrap();
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_an_outage_for_reads_and_writes_until_it_does() {
    let books = Books::open().await;
    if !books.databases.on_postgres() {
        return; // No server.
    }
    let wire = Wire::to(&books.url).await;
    let database = open(&wire.url).await;
    database.write(Entry::new(1)).await.unwrap();
    assert_eq!(books.ids_in(&database).await, [1]);
    wire.cut();
    let (read, write) = join(database.ping(), database.write(Entry::new(2))).await;
    assert!(WriteError::from(read.unwrap_err()).is_outage());
    assert!(write.unwrap_err().is_outage());
    wire.mend();
    database.write(Entry::new(3)).await.unwrap();
    assert!(books.ids_in(&database).await.contains(&3));
    wire.cut();
    // Though there is nobody to say goodbye to.
    database.close().await;
}
