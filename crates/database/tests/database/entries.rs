//! A database of entries that consist of two rows each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use database::{Connection, Database, Statement, Write};
use serde::Serialize;
use sqlx::{AnyConnection, Connection as _, Row};
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

/// What happens to an entry.
#[derive(Clone, Copy)]
pub(crate) enum Trouble {
    /// Nothing.
    None,
    /// The database refuses it.
    Refused,
    /// A bug, before it is written.
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

/// Both rows of each entry; a refused one has its first row twice.
const INSERT: Statement = Statement {
    sqlite: "INSERT INTO entries (id, side) \
             SELECT value->>'id', CASE WHEN value->>'refused' THEN 'debit' ELSE side END \
             FROM json_each($1), (SELECT 'debit' AS side UNION ALL SELECT 'credit') \
             WHERE true RETURNING id",
    postgres: "INSERT INTO entries (id, side) \
               SELECT id, CASE WHEN refused THEN 'debit' ELSE side END \
               FROM json_to_recordset(CAST($1 AS json)) AS entry (id bigint, refused boolean), \
                   (VALUES ('debit'), ('credit')) AS sides (side) \
               RETURNING id",
};

#[derive(Serialize)]
struct Line {
    id: i64,
    refused: bool,
}

impl Write for Entry {
    type Output = i64;

    async fn run(set: &[&Self], connection: &mut Connection) -> Result<Vec<i64>, sqlx::Error> {
        set.iter().for_each(|entry| {
            entry.runs.fetch_add(1, Ordering::SeqCst);
        });
        let refused = |entry: &Entry| matches!(entry.trouble, Trouble::Refused);
        let rows: Vec<_> = set.iter().map(|entry| Line { id: entry.id, refused: refused(entry) }).collect();
        assert!(!set.iter().any(|entry| matches!(entry.trouble, Trouble::Panic)), "a bug in a write");
        connection.rows(INSERT, &rows).await?;
        Ok(set.iter().map(|entry| entry.id).collect())
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
