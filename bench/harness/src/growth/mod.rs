//! `bench/growth`: what everything costs with more and more orders stored, and with many waiting.

mod fill;
mod probe;
mod report;

use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;

use crate::Place;
use crate::figures::Row;
use crate::process::quiet;
use crate::scene::{Scene, Setup};
use fill::Filler;
use probe::{Costs, Probe};

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// Orders that are stored before, each more than the one before.
    #[arg(long, value_delimiter = ',', default_value = "0,10000,100000,1000000")]
    stored: Vec<usize>,
    /// Orders that wait in the outbox, and then in the queue.
    #[arg(long, default_value_t = 100_000)]
    backlog: usize,
    /// Orders placed and worked off at each step.
    #[arg(long, default_value_t = 10_000)]
    orders: usize,
    /// Seconds of each kind of read.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
}

/// A state of the databases and the queue, and what everything cost in it.
pub(crate) struct Step {
    pub(crate) state: String,
    pub(crate) costs: Costs,
}

pub(crate) async fn growth(arguments: Arguments) -> Result<()> {
    let Arguments { place, stored, backlog, orders, seconds } = arguments;
    let (out, told) = (place.out.clone(), place.told.clone());
    let setup = place.setup()?;
    let probe = Probe { orders, reading: Duration::from_secs_f64(seconds), connections: setup.connections };
    let mut all = Vec::new();
    for row in setup.rows().into_iter().filter(|row| matches!(row, Row::Ours(0, _))) {
        all.push((row, setup.cleanly(grow(&setup, row, &stored, backlog, &probe)).await?));
    }
    report::write(&told, &setup, &probe, &all, &out).await?;
    eprintln!("written: {}", out.join("GROWTH.md").display());
    Ok(())
}

async fn grow(setup: &Setup, row: Row, stored: &[usize], backlog: usize, probe: &Probe) -> Result<Vec<Step>> {
    let Row::Ours(_, storage) = row else { anyhow::bail!("{row:?} is none of ours") };
    let (mut scene, filler) = (Scene::new(setup, row).await?, Filler::new(storage));
    // They make their tables.
    for mut service in [scene.order_service().await?, scene.payment_service().await?] {
        service.process.kill().await?;
    }
    let (mut steps, mut filled) = (Vec::new(), 0);
    let mut tell = |state: String, costs: Costs| {
        eprintln!("{}: {state}", storage.name());
        steps.push(Step { state, costs });
    };
    for count in stored.iter().copied() {
        filler.settled(&scene.databases, filled, count).await?;
        filled = count;
        let mut service = scene.order_service().await?;
        let mut costs = probe.place(&mut scene, &service).await?;
        probe.read(&scene, &service, &filler, count, &mut costs).await?;
        probe.work_off(&mut scene, &service, probe.orders, &mut costs).await?;
        service.process.kill().await?;
        tell(format!("{} stored", crate::report::number::number(count as f64)), costs);
    }
    if backlog == 0 {
        scene.end([]).await?;
        return Ok(steps);
    }
    let waiting = crate::report::number::number(backlog as f64);

    scene.stop_queue().await?;
    filler.waiting(&scene.databases, filled, filled + backlog).await?;
    let service = scene.order_service().await?;
    let mut costs = probe.place_without_queue(&scene, &service).await?;
    probe.read(&scene, &service, &filler, filled, &mut costs).await?;
    tell(format!("… and {waiting} in the outbox, the queue away"), costs);

    scene.start_queue_again().await?;
    let start = Instant::now();
    scene.queue.holds("orders", backlog + probe.orders).await?;
    let swept = (backlog + probe.orders) as f64 / start.elapsed().as_secs_f64();
    quiet(&[&service.process]).await?;
    let mut costs = probe.place(&mut scene, &service).await?;
    costs.swept_per_second = Some(swept);
    probe.read(&scene, &service, &filler, filled, &mut costs).await?;
    let orders = scene.queue.waiting("orders").await?;
    probe.work_off(&mut scene, &service, orders, &mut costs).await?;
    tell(format!("… and {waiting} in the queue"), costs);
    scene.end([service]).await?;
    Ok(steps)
}
