//! A fresh database for whoever asks.

use database::DatabaseUrl;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, AssertSqlSafe, Connection, SqlSafeStr};
use tempfile::TempDir;

/// SQLite files in a directory that ends with the test, or databases on the server of `TEST_DATABASE_URL`.
pub struct Databases {
    directory: TempDir,
    server: Option<String>,
}

impl Databases {
    /// No databases yet.
    pub fn new() -> Self {
        Self { directory: TempDir::new().unwrap(), server: std::env::var("TEST_DATABASE_URL").ok() }
    }

    /// Whether they are on PostgreSQL.
    pub fn on_postgres(&self) -> bool {
        self.server.is_some()
    }

    /// A new, empty database.
    pub async fn create(&self) -> DatabaseUrl {
        self.create_url().await.parse().unwrap()
    }

    /// A new, empty database, as a `DATABASE_URL`.
    pub async fn create_url(&self) -> String {
        let name = crate::unique();
        match &self.server {
            None => format!("sqlite://{}/{name}.db", self.directory.path().display()),
            Some(server) => {
                sqlx::any::install_default_drivers();
                let mut connection = AnyConnection::connect(server).await.unwrap();
                let create = AssertSqlSafe(format!("CREATE DATABASE {name}"));
                sqlx::raw_sql(create).execute(&mut connection).await.unwrap();
                let (host, _) = server.rsplit_once('/').unwrap();
                format!("{host}/{name}")
            }
        }
    }
}

impl Default for Databases {
    fn default() -> Self {
        Self::new()
    }
}

/// Does to a database what the start of a newer version does: applies `migrations`, and one that only that version knows.
pub async fn migrate_further(url: &str, migrations: &Migrator, sql: &'static str) {
    let (version, kind) = (99_990_101_000_000, MigrationType::Simple);
    let newer = Migration::new(version, "newer".into(), kind, AssertSqlSafe(sql).into_sql_str(), false);
    let migrator = Migrator::with_migrations(migrations.iter().cloned().chain([newer]).collect());
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(url).await.unwrap();
    migrator.run(&mut connection).await.unwrap();
}
