//! What others would do with the same queue: a server that sends, a consumer that deletes, and nothing between.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Result;
use tokio::process::Command;

use super::{Sizes, add_placing, each};
use crate::figures::{Figures, Metric, Row};
use crate::load::{Load, orders};
use crate::process::{Process, command, free_address, quiet};
use crate::queue::Queue;
use crate::scene::Setup;

/// Receives at once, of both consumers.
pub(crate) const POLLERS: usize = 4;

/// The peers that can be run here.
pub(crate) struct Peers {
    /// The crate beside this one, built.
    pub(crate) floor: PathBuf,
    /// The Node programs, with what they need installed; none: they are left out.
    pub(crate) node: Option<PathBuf>,
    /// A message as the services send it.
    pub(crate) message: String,
}

impl Peers {
    /// Of this message's file only the meaning counts: it is sent as compact as the services do.
    pub(crate) fn new(floor: PathBuf, node: Option<PathBuf>, example: &Path) -> Result<Self> {
        let message: serde_json::Value = serde_json::from_str(&fs::read_to_string(example)?)?;
        Ok(Self { floor, node, message: message.to_string() })
    }

    /// The servers.
    pub(crate) async fn place(&self, setup: &Setup, sizes: &Sizes, figures: &mut Figures) -> Result<()> {
        serve(Row::Floor, setup, sizes, figures, |address, queue| {
            let mut floor = command(&self.floor, &queue.variables());
            floor.args(["serve", "--port", &address.port().to_string()]);
            floor
        })
        .await?;
        let Some(node) = &self.node else { return Ok(()) };
        serve(Row::Fastify, setup, sizes, figures, |address, queue| {
            let mut variables = queue.variables();
            variables.extend([("PORT", address.port().to_string()), ("NODE_ENV", "production".to_owned())]);
            let mut server = command(Path::new("node"), &variables);
            server.arg(node.join("server.js"));
            server
        })
        .await
    }

    /// The consumers.
    pub(crate) async fn work_off(&self, setup: &Setup, sizes: &Sizes, figures: &mut Figures) -> Result<()> {
        let pollers = POLLERS.to_string();
        self.receive(Row::Floor, setup, sizes, figures, |queue| {
            let mut floor = command(&self.floor, &queue.variables());
            floor.args(["receive", "--pollers", &pollers]);
            floor
        })
        .await?;
        let Some(node) = &self.node else { return Ok(()) };
        self.receive(Row::SqsConsumer, setup, sizes, figures, |queue| {
            let mut variables = queue.variables();
            variables.extend([("POLLERS", pollers.clone()), ("NODE_ENV", "production".to_owned())]);
            let mut consumer = command(Path::new("node"), &variables);
            consumer.arg(node.join("consumer.js"));
            consumer
        })
        .await
    }

    async fn receive(
        &self,
        row: Row,
        setup: &Setup,
        sizes: &Sizes,
        figures: &mut Figures,
        consumer: impl FnOnce(&Queue) -> Command,
    ) -> Result<()> {
        let directory = setup.directory()?;
        let mut queue = setup.queue(directory.path()).await?;
        queue.fill("orders", &self.message, sizes.messages).await?;
        let mut process = Process::start("consumer", &mut consumer(&queue), directory.path(), true)?;
        process.says_ready().await?;

        let (before, queue_before) = (process.cpu()?, queue.process.cpu()?);
        let start = Instant::now();
        process.go().await?;
        queue.empty().await?;
        let seconds = start.elapsed().as_secs_f64();
        quiet(&[&process]).await?;

        figures.add(row, Metric::WorkedOffPerSecond, sizes.messages as f64 / seconds);
        figures.add(row, Metric::WorkerCpu, each(process.cpu()? - before, sizes.messages));
        figures.add(row, Metric::WorkOffQueueCpu, each(queue.process.cpu()? - queue_before, sizes.messages));
        figures.add(row, Metric::WorkerPeak, process.peak()?);
        process.kill().await?;
        queue.process.kill().await
    }
}

async fn serve(
    row: Row,
    setup: &Setup,
    sizes: &Sizes,
    figures: &mut Figures,
    server: impl FnOnce(SocketAddr, &Queue) -> Command,
) -> Result<()> {
    let directory = setup.directory()?;
    let mut queue = setup.queue(directory.path()).await?;
    let address = free_address()?;
    let mut process = Process::start("server", &mut server(address, &queue), directory.path(), true)?;
    process.says_ready().await?;
    let requests = orders();
    let load = Load { address, requests: &requests, expected: 202, connections: setup.connections };

    let (before, queue_before) = (process.cpu()?, queue.process.cpu()?);
    let outcome = load.during(sizes.warm_up, sizes.placing).await?;
    quiet(&[&process]).await?;

    add_placing(figures, row, &outcome);
    figures.add(row, Metric::PlaceCpu, each(process.cpu()? - before, outcome.answered));
    figures.add(row, Metric::PlaceQueueCpu, each(queue.process.cpu()? - queue_before, outcome.answered));
    figures.add(row, Metric::OrdersPeak, process.peak()?);
    process.kill().await?;
    queue.process.kill().await
}
