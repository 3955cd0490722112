//! Working off: orders are waiting in the queue when the worker starts. Both hops: charged, told, and PAID.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::time::sleep;

use super::{Sizes, Spent, each};
use crate::figures::{Figures, Metric, Row, summary};
use crate::http::{Connection, request};
use crate::load::{Load, orders};
use crate::process::quiet;
use crate::scene::{Scene, Service, Setup};

/// Between one lone order and the next, so that each finds everything asleep.
const PAUSE: Duration = Duration::from_millis(50);
const LOOK: Duration = Duration::from_millis(1);

/// The time is from the worker's start until both queues are empty and no order is PENDING.
pub(crate) async fn work_off(setup: &Setup, row: Row, sizes: &Sizes, figures: &mut Figures) -> Result<()> {
    let mut scene = Scene::new(setup, row).await?;
    let results = scene.order_service().await?;
    let requests = orders();
    let load = Load { address: results.address, requests: &requests, expected: 202, connections: setup.connections };
    let refused = load.times(sizes.orders).await?.refused;
    ensure!(refused == 0, "{refused} orders were refused");
    scene.queue.holds("orders", sizes.orders).await?;
    quiet(&[&results.process]).await?;

    let before = Spent::so_far(&scene, &[&results])?;
    let start = Instant::now();
    let worker = scene.payment_service().await?;
    loop {
        scene.queue.empty().await?;
        if results.nothing_pending().await? {
            break;
        }
        sleep(LOOK).await;
    }
    let seconds = start.elapsed().as_secs_f64();
    quiet(&[&results.process, &worker.process]).await?;
    let after = Spent::so_far(&scene, &[&results, &worker])?;

    figures.add(row, Metric::WorkedOffPerSecond, sizes.orders as f64 / seconds);
    figures.add(row, Metric::ResultsCpu, each(after.services[0] - before.services[0], sizes.orders));
    // Its start included.
    figures.add(row, Metric::WorkerCpu, each(after.services[1], sizes.orders));
    figures.add(row, Metric::WorkOffQueueCpu, each(after.queue - before.queue, sizes.orders));
    if let (Some(before), Some(after)) = (before.database, after.database) {
        figures.add(row, Metric::WorkOffDatabaseCpu, each(after - before, sizes.orders));
    }
    add_requests(figures, row, sizes.orders, [("order-service", &results), ("payment-service", &worker)]).await?;
    if let Some([_, connections]) = scene.databases.connections().await? {
        figures.add(row, Metric::WorkerConnections, connections as f64);
    }
    lone_orders(&results, row, sizes.lone, figures).await?;
    figures.add(row, Metric::OrdersPeak, results.process.peak()?);
    figures.add(row, Metric::WorkerPeak, worker.process.peak()?);
    scene.end([results, worker]).await
}

/// All requests since the services' start: the sends of placing are among them.
async fn add_requests(figures: &mut Figures, row: Row, orders: usize, services: [(&str, &Service); 2]) -> Result<()> {
    let mut sums = BTreeMap::<String, f64>::new();
    for (name, service) in services {
        for (what, count) in service.requests().await? {
            *sums.entry(format!("{name}: {what}")).or_default() += count;
        }
    }
    figures.add(row, Metric::RequestsPerOrder, sums.values().sum::<f64>() / orders as f64);
    for (what, count) in sums {
        figures.add_requests(row, what, count / orders as f64);
    }
    Ok(())
}

/// From the sending of `POST` to the first answer to `GET` that says PAID.
async fn lone_orders(service: &Service, row: Row, orders: usize, figures: &mut Figures) -> Result<()> {
    let body = r#"{"userId":"lone","total":42.00}"#;
    let place = request("POST", "/orders", "content-type: application/json\r\n", body);
    let mut connection = Connection::open(service.address).await?;
    let mut times = Vec::new();
    for _ in 0..orders {
        sleep(PAUSE).await;
        let start = Instant::now();
        let answer = connection.call(&place).await?;
        let order: serde_json::Value = serde_json::from_slice(answer.body)?;
        let id = order["orderId"].as_str().with_context(|| format!("no order was placed: {order}"))?;
        let look = request("GET", &format!("/orders/{id}"), "", "");
        while !String::from_utf8_lossy(connection.call(&look).await?.body).contains(r#""status":"PAID""#) {
            ensure!(start.elapsed() < Duration::from_secs(30), "the lone order {id} is not PAID after 30 s");
            sleep(LOOK).await;
        }
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    if let Some(times) = summary(&times) {
        figures.add(row, Metric::LoneMedian, times.median);
        figures.add(row, Metric::LoneWorst, times.most);
    }
    Ok(())
}
