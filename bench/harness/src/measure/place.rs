//! Placing: `POST /orders` on many connections, while nobody works off.

use anyhow::Result;

use super::{Sizes, Spent, add_placing, each};
use crate::figures::{Figures, Metric, Row};
use crate::load::{Load, orders};
use crate::process::quiet;
use crate::scene::{Scene, Setup};

/// CPU is counted until the last event is in the queue, so that what is put off is not for free.
pub(crate) async fn place(setup: &Setup, row: Row, sizes: &Sizes, figures: &mut Figures) -> Result<()> {
    let mut scene = Scene::new(setup, row).await?;
    let service = scene.order_service().await?;
    let requests = orders();
    let load = Load { address: service.address, requests: &requests, expected: 202, connections: setup.connections };

    let before = Spent::so_far(&scene, &[&service])?;
    let outcome = load.during(sizes.warm_up, sizes.placing).await?;
    scene.queue.holds("orders", outcome.answered).await?;
    quiet(&[&service.process]).await?;
    let after = Spent::so_far(&scene, &[&service])?;

    add_placing(figures, row, &outcome);
    figures.add(row, Metric::PlaceCpu, each(after.services[0] - before.services[0], outcome.answered));
    figures.add(row, Metric::PlaceQueueCpu, each(after.queue - before.queue, outcome.answered));
    if let (Some(before), Some(after)) = (before.database, after.database) {
        figures.add(row, Metric::PlaceDatabaseCpu, each(after - before, outcome.answered));
    }
    figures.add(row, Metric::OrdersPeak, service.process.peak()?);
    if let Some([orders, _]) = scene.databases.connections().await? {
        figures.add(row, Metric::OrdersConnections, orders as f64);
    }
    scene.end([service]).await
}
