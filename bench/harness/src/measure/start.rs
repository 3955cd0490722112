//! Starting: from nothing to ready, on empty databases.

use anyhow::Result;

use crate::figures::{Figures, Metric, Row};
use crate::scene::{Scene, Setup};

pub(crate) async fn start(setup: &Setup, row: Row, figures: &mut Figures) -> Result<()> {
    let scene = Scene::new(setup, row).await?;
    let services = [scene.order_service().await?, scene.payment_service().await?];
    for (service, metric) in services.iter().zip([Metric::OrdersStart, Metric::WorkerStart]) {
        figures.add(row, metric, service.readiness.as_secs_f64() * 1e3);
    }
    scene.end(services).await
}
