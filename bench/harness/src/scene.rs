//! One order service, its worker, their queue and their databases, all new.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::figures::Row;
use crate::http;
use crate::process::{Process, command, free_address};
use crate::queue::Queue;
use crate::storage::{Databases, Server, Storage};

/// The services of one commit.
#[derive(Clone, Debug)]
pub(crate) struct Build {
    /// As it is called in the tables.
    pub(crate) name: String,
    pub(crate) commit: String,
    /// Where its two binaries are.
    pub(crate) binaries: PathBuf,
    /// Where its sources are.
    pub(crate) sources: PathBuf,
}

/// What all measurements need.
pub(crate) struct Setup {
    /// The first is this tree's.
    pub(crate) builds: Vec<Build>,
    /// This tree's, the endpoint of all.
    pub(crate) embedded_queue: PathBuf,
    pub(crate) queue_definitions: PathBuf,
    pub(crate) server: Option<Server>,
    /// On a disk: databases and logs are here while they are needed.
    pub(crate) directory: PathBuf,
    pub(crate) connections: usize,
    /// The services' `RUST_LOG`; none: their default.
    pub(crate) log: Option<String>,
}

/// A service that is running.
pub(crate) struct Service {
    pub(crate) process: Process,
    /// The API, of the order service.
    pub(crate) address: SocketAddr,
    admin: SocketAddr,
    /// From its start until it was ready.
    pub(crate) readiness: Duration,
}

pub(crate) struct Scene<'a> {
    setup: &'a Setup,
    build: &'a Build,
    pub(crate) queue: Queue,
    pub(crate) databases: Databases,
    directory: TempDir,
}

impl Setup {
    pub(crate) async fn queue(&self, directory: &Path) -> Result<Queue> {
        Queue::start(&self.embedded_queue, &self.queue_definitions, directory).await
    }

    pub(crate) fn directory(&self) -> Result<TempDir> {
        Ok(tempfile::Builder::new().prefix("").rand_bytes(8).tempdir_in(&self.directory)?)
    }

    /// Every build on every database.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let storages: &[_] =
            if self.server.is_some() { &[Storage::Sqlite, Storage::Postgres] } else { &[Storage::Sqlite] };
        let of_build = |build| storages.iter().map(move |storage| Row::Ours(build, *storage));
        (0..self.builds.len()).flat_map(of_build).collect()
    }
}

impl<'a> Scene<'a> {
    /// A queue and empty databases; no service is running yet.
    pub(crate) async fn new(setup: &'a Setup, row: Row) -> Result<Self> {
        let Row::Ours(build, storage) = row else { anyhow::bail!("{row:?} is none of ours") };
        let directory = setup.directory()?;
        let databases = Databases::create(storage, setup.server.as_ref(), directory.path()).await?;
        let queue = setup.queue(directory.path()).await?;
        Ok(Self { setup, build: &setup.builds[build], queue, databases, directory })
    }

    pub(crate) async fn order_service(&self) -> Result<Service> {
        self.start("order-service", 0).await
    }

    pub(crate) async fn payment_service(&self) -> Result<Service> {
        self.start("payment-service", 1).await
    }

    async fn start(&self, name: &str, database: usize) -> Result<Service> {
        let [address, admin] = [free_address()?, free_address()?];
        let mut variables = self.queue.variables();
        variables.extend([
            ("DATABASE_URL", self.databases.urls[database].clone()),
            ("PORT", address.port().to_string()),
            ("ADMIN_PORT", admin.port().to_string()),
            // However long the queue of events gets: what is measured is how fast it is, not where it ends.
            ("OUTBOX_CAP", "100000000".to_owned()),
        ]);
        variables.extend(self.setup.log.iter().map(|filter| ("RUST_LOG", filter.clone())));
        let program = self.build.binaries.join(name);
        let mut process = Process::start(name, &mut command(&program, &variables), self.directory.path(), false)?;
        let readiness = process.ready(admin, "/readyz").await.inspect_err(|_| self.show_log(name))?;
        Ok(Service { process, address, admin, readiness })
    }

    fn show_log(&self, name: &str) {
        let log = fs::read_to_string(self.directory.path().join(format!("{name}.log"))).unwrap_or_default();
        let last: Vec<_> = log.lines().rev().take(10).collect();
        last.iter().rev().for_each(|line| eprintln!("{name}: {line}"));
    }

    /// The queue goes away, and what it held.
    pub(crate) async fn stop_queue(&mut self) -> Result<()> {
        self.queue.process.kill().await
    }

    /// It comes back at the same address, empty.
    pub(crate) async fn start_queue_again(&mut self) -> Result<()> {
        let Setup { embedded_queue, queue_definitions, .. } = self.setup;
        self.queue =
            Queue::start_at(self.queue.address, embedded_queue, queue_definitions, self.directory.path()).await?;
        Ok(())
    }

    /// Ends what is left.
    pub(crate) async fn end(mut self, services: impl IntoIterator<Item = Service>) -> Result<()> {
        for mut service in services {
            service.process.kill().await?;
        }
        self.queue.process.kill().await?;
        self.databases.drop().await
    }
}

impl Service {
    /// `sqs_requests_total` by queue and operation.
    pub(crate) async fn requests(&self) -> Result<Vec<(String, f64)>> {
        let (_, metrics) = http::get(self.admin, "/metrics").await?;
        let lines = metrics.lines().filter_map(|line| line.strip_prefix("sqs_requests_total{")?.split_once("} "));
        let read = |(labels, count): (&str, &str)| {
            let label = |name: &str| {
                let start = labels.find(&format!("{name}=\""))? + name.len() + 2;
                labels[start..].split('"').next()
            };
            let what = format!("{} {}", label("operation").unwrap_or("?"), label("queue").unwrap_or("?"));
            Ok((what, count.trim().parse().context("sqs_requests_total is not a number")?))
        };
        lines.map(read).collect()
    }

    /// Whether no order is PENDING.
    pub(crate) async fn nothing_pending(&self) -> Result<bool> {
        let (status, page) = http::get(self.address, "/orders?status=PENDING&limit=1").await?;
        anyhow::ensure!(status == 200, "GET /orders: {status} {page}");
        Ok(page.contains(r#""orders":[]"#))
    }
}
