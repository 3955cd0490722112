//! Under which conditions the figures were taken.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use jiff::Zoned;

use crate::figures::Row;
use crate::measure::{POLLERS, Sizes};
use crate::scene::Setup;
use crate::storage::file_system;

/// When, on what, how often.
pub(crate) fn head(command: &str, setup: &Setup, rounds: usize) -> Result<String> {
    let cores = std::thread::available_parallelism()?;
    let builds: Vec<_> = setup.builds.iter().map(|build| format!("{} is `{}`", build.name, build.commit)).collect();
    Ok(format!(
        "Written by `{command}` on {}; {cores} cores; {}.\n\
         Each figure is the median of {rounds} round(s), with the least and the most in brackets. In a round all of them take \
         their turn, so that what else the machine does hits all. Load, services, queue and database share the cores: only \
         the ratios of one run mean something, and of those CPU per order the most.\n",
        Zoned::now().strftime("%Y-%m-%d"),
        builds.join(", "),
    ))
}

/// Everything that bears on a figure.
pub(crate) async fn conditions(setup: &Setup, sizes: &Sizes, peers: Option<&Path>) -> Result<String> {
    let mut lines = vec![
        format!(
            "**SQLite**: {}; a file per service on {}, in the service's own process.",
            sqlite_settings(setup)?,
            file_system(&setup.directory)?
        ),
        match &setup.server {
            Some(server) => format!(
                "**PostgreSQL** {}; a database per service, over TCP on this machine. The connections are those of each \
                 service at the end of its measurement.",
                server.settings().await?
            ),
            None => "**PostgreSQL** was not to be had: no `BENCH_DATABASE_URL`, and no Docker engine to start one."
                .to_owned(),
        },
        "**SQS**: this tree's `embedded-queue`, in memory, a process of its own, the same for all. On SQS itself a call takes \
         longer, and costs a client the same."
            .to_owned(),
        format!(
            "**Placing**: a closed loop of {} connections, {} s after {} s of warm-up, bodies of some 35 bytes without an \
             `Idempotency-Key`; nobody works off. CPU is counted over all of it, until the last event is in the queue.",
            setup.connections,
            sizes.placing.as_secs_f64(),
            sizes.warm_up.as_secs_f64()
        ),
        format!(
            "**Working off**: {} orders are in the queue when the worker starts (`WORKER_CONCURRENCY` as by default), until \
             each is PAID and both queues are empty. The worker's CPU includes its start.",
            sizes.orders
        ),
        format!("**Logs**: `RUST_LOG={}`, to a file.", setup.log.as_deref().unwrap_or("<the services' default>")),
        format!(
            "**The floor**: [`bench/floor`](floor): axum and one `SendMessage` per request, nothing stored; receive ten, delete \
             ten, {POLLERS} at once, {} messages.",
            sizes.messages
        ),
    ];
    lines.push(match peers {
        Some(peers) => format!(
            "**Peers**: [`bench/peers`](peers), {}; Fastify with one `sendMessage` per request, nothing stored; sqs-consumer \
             with a batch handler that does nothing, {POLLERS} pollers.",
            versions(peers)?
        ),
        None => "**Peers**: left out, as there is no Node here.".to_owned(),
    });
    Ok(lines.into_iter().map(|line| format!("- {line}\n")).collect())
}

/// As each build's sources say it.
fn sqlite_settings(setup: &Setup) -> Result<String> {
    let mut settings: Vec<String> = Vec::new();
    for build in &setup.builds {
        let mut found = Vec::new();
        for file in fs::read_dir(build.sources.join("crates/database/src"))? {
            let source = fs::read_to_string(file?.path())?;
            for name in ["journal_mode", "synchronous"] {
                let value = source.split(&format!("PRAGMA {name} = ")).nth(1);
                let value = value.and_then(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric()).next());
                found.extend(value.map(|value| format!("`{name}={value}`")));
            }
        }
        found.sort();
        settings.push(if found.is_empty() { "settings not found in its sources".to_owned() } else { found.join(", ") });
    }
    settings.dedup();
    Ok(settings.join(" and then "))
}

/// What is installed.
fn versions(peers: &Path) -> Result<String> {
    let version = |name: &str| -> Result<String> {
        let package = fs::read_to_string(peers.join("node_modules").join(name).join("package.json"))?;
        let package: serde_json::Value = serde_json::from_str(&package)?;
        Ok(format!("{name} {}", package["version"].as_str().context("a package without a version")?))
    };
    let node = std::process::Command::new("node").arg("--version").output()?.stdout;
    let node = format!("Node {}", String::from_utf8_lossy(&node).trim().trim_start_matches('v'));
    Ok([node, version("fastify")?, version("sqs-consumer")?, version("@aws-sdk/client-sqs")?].join(", "))
}

/// The files that make the images, and the images.
pub(crate) fn sizes(setup: &Setup, images: &[(String, u64)]) -> Result<Vec<Vec<String>>> {
    let mut rows = Vec::new();
    for service in ["order-service", "payment-service"] {
        let mut row = vec![service.to_owned()];
        for build in &setup.builds {
            row.push(megabytes(fs::metadata(build.binaries.join(service))?.len()));
        }
        let image = images.iter().find(|(name, _)| name == service);
        row.push(image.map_or("not built (`--images`)".to_owned(), |(_, bytes)| megabytes(*bytes)));
        rows.push(row);
    }
    Ok(rows)
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e6)
}

/// The name of a row.
pub(crate) fn name(setup: &Setup, row: Row) -> String {
    match row {
        Row::Ours(build, storage) => format!("{}, {}", setup.builds[build].name, storage.name()),
        Row::Floor => "the floor".to_owned(),
        Row::Fastify => "Fastify".to_owned(),
        Row::SqsConsumer => "sqs-consumer".to_owned(),
    }
}
