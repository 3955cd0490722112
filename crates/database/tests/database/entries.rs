//! A database of entries that consist of two rows each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use database::{Database, Write};
use sqlx::{AnyConnection, Connection, Row};
use testbed::Databases;

/// A fresh database.
pub(crate) struct Books {
    /// The database under test.
    pub(crate) database: Database,
    /// Where it is.
    pub(crate) url: String,
    /// What it stands on; ends with the test.
    pub(crate) databases: Databases,
}

/// Writes both rows of an entry, and returns its id.
pub(crate) struct Entry {
    id: i64,
    trouble: Trouble,
    runs: Arc<AtomicUsize>,
}

/// What happens between the two rows.
#[derive(Clone, Copy)]
pub(crate) enum Trouble {
    /// Nothing.
    None,
    /// A statement that the database refuses.
    Refused,
    /// A bug.
    Panic,
}

impl Entry {
    pub(crate) fn new(id: i64) -> Self {
        Self::with(id, Trouble::None)
    }

    pub(crate) fn with(id: i64, trouble: Trouble) -> Self {
        Self { id, trouble, runs: Arc::default() }
    }

    /// How often it has been run.
    pub(crate) fn runs(&self) -> Arc<AtomicUsize> {
        self.runs.clone()
    }
}

impl Write for Entry {
    type Output = i64;

    async fn run(&self, transaction: &mut AnyConnection) -> Result<i64, sqlx::Error> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        let insert = "INSERT INTO entries (id, side) VALUES ($1, $2)";
        sqlx::query(insert).bind(self.id).bind("debit").execute(&mut *transaction).await?;
        match self.trouble {
            Trouble::None => {}
            Trouble::Refused => {
                sqlx::query(insert).bind(self.id).bind("debit").execute(&mut *transaction).await?;
            }
            Trouble::Panic => panic!("a bug in a write"),
        }
        sqlx::query(insert).bind(self.id).bind("credit").execute(&mut *transaction).await?;
        Ok(self.id)
    }
}

impl Books {
    pub(crate) async fn open() -> Self {
        let databases = Databases::new();
        let url = databases.create_url().await;
        Self { database: open(&url).await, url, databases }
    }

    /// The ids of all entries. None may be half there.
    pub(crate) async fn ids(&self) -> Vec<i64> {
        self.ids_in(&self.database).await
    }

    /// A connection that is not the database's own, as another program has one.
    pub(crate) async fn outsider(&self) -> AnyConnection {
        AnyConnection::connect(&self.url).await.unwrap()
    }

    /// Opens the database once more, as after a restart.
    pub(crate) async fn reopened(&self) -> Database {
        open(&self.url).await
    }

    /// The ids of all entries as another handle of the database sees them.
    pub(crate) async fn ids_in(&self, database: &Database) -> Vec<i64> {
        let rows = sqlx::query("SELECT id, side FROM entries").fetch_all(database.reads()).await.unwrap();
        let mut sides: BTreeMap<i64, usize> = BTreeMap::new();
        for row in rows {
            *sides.entry(row.get("id")).or_default() += 1;
        }
        assert!(sides.values().all(|sides| *sides == 2), "half an entry: {sides:?}");
        sides.into_keys().collect()
    }
}

pub(crate) async fn open(url: &str) -> Database {
    Database::open(&url.parse().unwrap(), &sqlx::migrate!("tests/database/migrations")).await.unwrap()
}
