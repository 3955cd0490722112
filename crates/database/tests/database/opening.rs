//! Opening brings the schema up to date and keeps what is there.

use database::{Database, OpenError};
use futures::future::{join, join_all};
use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use crate::{Books, Entry, Touch, Wire};

#[tokio::test]
async fn what_was_written_is_there_after_a_restart() {
    let books = Books::open().await;
    books.database.write(Entry::new(7)).await.unwrap();
    books.database.close().await;
    let again = books.reopened().await;
    assert_eq!(books.ids_in(&again).await, [7]);
    again.write(Entry::new(8)).await.unwrap();
    assert_eq!(books.ids_in(&again).await, [7, 8]);
}

#[tokio::test]
async fn a_warm_database_serves_all_writers_and_reads_without_a_further_connection() {
    let books = Books::open().await;
    if !books.databases.on_postgres() {
        return; // No connections to a server.
    }
    let wire = Wire::to(&books.url).await;
    let migrations = sqlx::migrate!("tests/database/migrations");
    let database = Database::open(&wire.url.parse().unwrap(), &migrations).await.unwrap();
    database.warm().await;
    wire.close_to_newcomers();
    // As many at once as there are connections: each read holds its own for a while.
    let reads = (0..8).map(async |_| sqlx::query("SELECT pg_sleep(0.5)").execute(database.reads()).await);
    let writes = (0..64).map(async |row| database.write(Touch::new(row)).await);
    let (read, written) = join(join_all(reads), join_all(writes)).await;
    assert!(read.iter().all(Result::is_ok), "{read:?}");
    assert!(written.iter().all(Result::is_ok), "{written:?}");
    database.close().await;
}

#[tokio::test]
async fn two_instances_may_open_a_new_database_at_the_same_time() {
    let databases = testbed::Databases::new();
    let url = databases.create().await;
    let migrations = sqlx::migrate!("tests/database/migrations");
    let opened = futures::join!(Database::open(&url, &migrations), Database::open(&url, &migrations));
    let (first, second) = (opened.0.unwrap(), opened.1.unwrap());
    assert_eq!(first.write(Entry::new(1)).await.unwrap(), 1);
    assert_eq!(second.write(Entry::new(2)).await.unwrap(), 2);
}

#[tokio::test]
async fn a_database_that_cannot_be_opened_is_named_without_its_password() {
    let url = "postgres://orders:s3cret@127.0.0.1:1/orders".parse().unwrap();
    let error = Database::open(&url, &sqlx::migrate!("tests/database/migrations")).await.map(drop).unwrap_err();
    assert!(matches!(error, OpenError::Connect { .. }), "{error}");
    assert!(error.to_string().contains("postgres://…@127.0.0.1:1/orders") && !error.to_string().contains("s3cret"));
}

/// Takes longer than any statement of a service may, and than a wait for a lock.
const SLOW: &str = "CREATE TABLE late (id BIGINT); SELECT pg_sleep(5)";

#[tokio::test]
async fn two_instances_of_which_one_waits_for_the_other_s_slow_migration_both_open() {
    let databases = testbed::Databases::new();
    if !databases.on_postgres() {
        return; // SQLite has no statement that takes its time by itself.
    }
    let url = databases.create().await;
    let entries = sqlx::migrate!("tests/database/migrations");
    let slow = Migration::new(2, "slow".into(), MigrationType::Simple, SLOW.into_sql_str(), false);
    let migrations = Migrator::with_migrations(entries.iter().cloned().chain([slow]).collect());
    let opened = futures::join!(Database::open(&url, &migrations), Database::open(&url, &migrations));
    for (id, database) in [(1, opened.0.unwrap()), (2, opened.1.unwrap())] {
        assert_eq!(database.write(Entry::new(id)).await.unwrap(), id);
    }
}
