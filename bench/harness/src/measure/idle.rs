//! Nothing to do: what the services cost all the same. All rows at once, as none of them disturbs another.

use std::time::Duration;

use anyhow::Result;
use futures::future::try_join_all;
use tokio::time::sleep;

use super::Sizes;
use crate::figures::{Figures, Metric, Row};
use crate::scene::{Scene, Service, Setup};

/// Until the first receives are out and what is done once at the start is done.
const SETTLE: Duration = Duration::from_secs(3);

pub(crate) async fn idle(setup: &Setup, rows: &[Row], sizes: &Sizes, figures: &mut Figures) -> Result<()> {
    let mut all = Vec::new();
    for row in rows {
        let scene = Scene::new(setup, *row).await?;
        let services = [scene.order_service().await?, scene.payment_service().await?];
        all.push((*row, scene, services));
    }
    sleep(SETTLE).await;
    let services = || all.iter().flat_map(|(_, _, services)| services);
    let before = try_join_all(services().map(state)).await?;
    sleep(sizes.idle).await;
    let after = try_join_all(services().map(state)).await?;

    let metrics = [
        (Metric::OrdersIdleCpu, Metric::OrdersIdleReceives, Metric::OrdersIdleMemory),
        (Metric::WorkerIdleCpu, Metric::WorkerIdleReceives, Metric::WorkerIdleMemory),
    ];
    let seconds = sizes.idle.as_secs_f64();
    for (number, (row, _, services)) in all.iter().enumerate() {
        for (side, (cpu, receives, memory)) in metrics.into_iter().enumerate() {
            let (before, after) = (before[2 * number + side], after[2 * number + side]);
            figures.add(*row, cpu, (after.0 - before.0).as_secs_f64() / seconds * 100.0);
            figures.add(*row, receives, (after.1 - before.1) / seconds * 60.0);
            figures.add(*row, memory, services[side].process.resident()?);
        }
    }
    for (_, scene, services) in all {
        scene.end(services).await?;
    }
    Ok(())
}

/// CPU time and SQS requests so far.
async fn state(service: &Service) -> Result<(Duration, f64)> {
    let cpu = service.process.cpu_of_living_threads()?;
    let requests = service.requests().await?.into_iter().map(|(_, count)| count).sum();
    Ok((cpu, requests))
}
