//! The services' databases: SQLite files, or databases of a PostgreSQL server.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use sqlx::{AnyConnection, AssertSqlSafe, Connection};

use crate::process::{cpu, stat};

/// The two engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Storage {
    Sqlite,
    Postgres,
}

impl Storage {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// A PostgreSQL server that may be used for the measurements.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    /// Up to the database's name.
    base: String,
    database: String,
    /// Databases made on it and not dropped yet.
    made: Rc<RefCell<BTreeSet<String>>>,
}

impl Server {
    pub(crate) fn new(url: &str) -> Result<Self> {
        let (base, database) = url.rsplit_once('/').context("the PostgreSQL URL names no database")?;
        Ok(Self { base: base.to_owned(), database: database.to_owned(), made: Rc::default() })
    }

    async fn create(&self, name: &str) -> Result<()> {
        let create = AssertSqlSafe(format!("CREATE DATABASE {name}"));
        sqlx::raw_sql(create).execute(&mut self.connect().await?).await?;
        self.made.borrow_mut().insert(name.to_owned());
        Ok(())
    }

    async fn drop(&self, name: &str) -> Result<()> {
        let drop = AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"));
        sqlx::raw_sql(drop).execute(&mut self.connect().await?).await?;
        self.made.borrow_mut().remove(name);
        Ok(())
    }

    /// Drops what a measurement that has failed has left.
    pub(crate) async fn clean(&self) -> Result<()> {
        let left = self.made.borrow().clone();
        for name in left {
            self.drop(&name).await?;
        }
        Ok(())
    }

    async fn connect(&self) -> Result<AnyConnection> {
        connect(&format!("{}/{}", self.base, self.database)).await
    }

    /// Its version, and every setting that bears on durability.
    pub(crate) async fn settings(&self) -> Result<String> {
        let mut connection = self.connect().await?;
        let mut settings = Vec::new();
        for name in
            ["server_version", "fsync", "synchronous_commit", "full_page_writes", "wal_sync_method", "shared_buffers"]
        {
            let show = AssertSqlSafe(format!("SHOW {name}"));
            let value: String = sqlx::query_scalar(show).fetch_one(&mut connection).await?;
            let value = value.split(' ').next().unwrap_or_default();
            settings.push(if name == "server_version" { value.to_owned() } else { format!("`{name}={value}`") });
        }
        Ok(settings.join(", "))
    }
}

/// The databases of one order service and one payment service; new, and gone with [`Databases::drop`].
pub(crate) struct Databases {
    /// The order service's and the payment service's `DATABASE_URL`.
    pub(crate) urls: [String; 2],
    names: [String; 2],
    server: Option<Server>,
    /// PostgreSQL's first process, whose children serve the connections.
    postmaster: Option<u32>,
}

impl Databases {
    pub(crate) async fn create(storage: Storage, server: Option<&Server>, directory: &Path) -> Result<Self> {
        let unique = directory.file_name().and_then(|name| name.to_str()).context("a directory without a name")?;
        let names = ["orders", "payments"].map(|service| format!("bench_{service}_{unique}").to_lowercase());
        if storage == Storage::Sqlite {
            let urls = names.each_ref().map(|name| format!("sqlite://{}", file(directory, name).display()));
            return Ok(Self { urls, names, server: None, postmaster: None });
        }
        let server = server.context("no PostgreSQL server")?;
        for name in &names {
            server.create(name).await?;
        }
        let urls = names.each_ref().map(|name| format!("{}/{name}", server.base));
        let held = connect(&urls[0]).await?;
        let postmaster = postmaster(&names[0])?;
        held.close().await?;
        Ok(Self { urls, names, server: Some(server.clone()), postmaster })
    }

    /// Connections to each of the two; of SQLite none are counted.
    pub(crate) async fn connections(&self) -> Result<Option<[usize; 2]>> {
        let Some(server) = &self.server else { return Ok(None) };
        let mut connection = server.connect().await?;
        let mut counts = [0; 2];
        for (count, name) in counts.iter_mut().zip(&self.names) {
            let counted = sqlx::query_scalar("SELECT count(*) FROM pg_stat_activity WHERE datname = $1").bind(name);
            *count = counted.fetch_one(&mut connection).await.map(|count: i64| count as usize)?;
        }
        Ok(Some(counts))
    }

    /// What the PostgreSQL server has spent; none where its processes are not to be seen, and for SQLite, which is part of
    /// its service.
    pub(crate) fn cpu(&self) -> Result<Option<Duration>> {
        let Some(postmaster) = self.postmaster else { return Ok(None) };
        let [reaped_user, reaped_system] = stat(postmaster, [16, 17])?;
        let mut sum = cpu(postmaster)? + Duration::from_millis(10) * (reaped_user + reaped_system) as u32;
        for pid in processes()? {
            // One that has ended since has been added to what is reaped, or will be.
            if stat(pid, [4]).is_ok_and(|[parent]| parent == u64::from(postmaster)) {
                sum += cpu(pid).unwrap_or_default();
            }
        }
        Ok(Some(sum))
    }

    /// Deletes them. SQLite's go with their directory.
    pub(crate) async fn drop(self) -> Result<()> {
        let Some(server) = &self.server else { return Ok(()) };
        for name in &self.names {
            server.drop(name).await?;
        }
        Ok(())
    }
}

pub(crate) async fn connect(url: &str) -> Result<AnyConnection> {
    sqlx::any::install_default_drivers();
    // What the driver says holds no password, what the URL says may.
    AnyConnection::connect(url).await.context("cannot connect to the database")
}

fn file(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("{name}.db"))
}

/// The parent of the process that serves a connection to this database, if it can be seen: its title names the database.
fn postmaster(database: &str) -> Result<Option<u32>> {
    for pid in processes()? {
        let Ok(title) = fs::read_to_string(format!("/proc/{pid}/cmdline")) else { continue };
        if title.starts_with("postgres:") && title.contains(database) {
            let [parent] = stat(pid, [4])?;
            return Ok(Some(parent as u32));
        }
    }
    Ok(None)
}

fn processes() -> Result<impl Iterator<Item = u32>> {
    let entries = fs::read_dir("/proc")?;
    Ok(entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()))
}

/// The kind of file system that holds a directory. On one in memory nothing is durable, and everything is fast.
pub(crate) fn file_system(directory: &Path) -> Result<String> {
    let directory = directory.canonicalize()?;
    let mounts = fs::read_to_string("/proc/mounts")?;
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    let holding = mounts.filter(|(place, _)| directory.starts_with(place)).max_by_key(|(place, _)| place.len());
    let (_, kind) = holding.context("no file system holds the directory")?;
    ensure!(kind != "tmpfs", "{} is in memory: no figure taken there says anything", directory.display());
    Ok(kind.to_owned())
}
