//! The costs at one state: per order, or per request.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::fill::Filler;
use crate::http::request;
use crate::load::{Load, orders};
use crate::process::{Process, quiet};
use crate::scene::{Scene, Service};

/// Connections that read at once.
const READERS: usize = 8;
/// Reads that are not counted.
const WARM_UP: usize = 200;

pub(crate) struct Probe {
    pub(crate) orders: usize,
    pub(crate) reading: Duration,
    pub(crate) connections: usize,
}

/// Microseconds of CPU of the services, and of PostgreSQL where it can be seen; none: not measured in that state.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Costs {
    pub(crate) place: Option<f64>,
    pub(crate) placed_per_second: Option<f64>,
    pub(crate) work_off: Option<f64>,
    pub(crate) worked_off_per_second: Option<f64>,
    /// From the outbox, by the sweep.
    pub(crate) swept_per_second: Option<f64>,
    pub(crate) lookup: Option<f64>,
    /// The newest orders of all.
    pub(crate) newest: Option<f64>,
    /// Of one user.
    pub(crate) of_user: Option<f64>,
    /// Of one user, those in a rare status.
    pub(crate) of_user_declined: Option<f64>,
    /// MB resident, at most.
    pub(crate) order_service: Option<f64>,
    pub(crate) worker: Option<f64>,
}

impl Probe {
    /// Until all of it is in the queue.
    pub(crate) async fn place(&self, scene: &mut Scene<'_>, service: &Service) -> Result<Costs> {
        let waiting = scene.queue.waiting("orders").await?;
        let before = spent(scene, &[&service.process])?;
        let per_second = self.post(service).await?;
        scene.queue.holds("orders", waiting + self.orders).await?;
        quiet(&[&service.process]).await?;
        let place = (spent(scene, &[&service.process])? - before).as_secs_f64() * 1e6 / self.orders as f64;
        Ok(Costs {
            place: Some(place),
            placed_per_second: Some(per_second),
            order_service: Some(service.process.peak()?),
            ..Costs::default()
        })
    }

    /// The events stay in the outbox.
    pub(crate) async fn place_without_queue(&self, scene: &Scene<'_>, service: &Service) -> Result<Costs> {
        let before = spent(scene, &[&service.process])?;
        let per_second = self.post(service).await?;
        let place = (spent(scene, &[&service.process])? - before).as_secs_f64() * 1e6 / self.orders as f64;
        Ok(Costs {
            place: Some(place),
            placed_per_second: Some(per_second),
            order_service: Some(service.process.peak()?),
            ..Costs::default()
        })
    }

    async fn post(&self, service: &Service) -> Result<f64> {
        let requests = orders();
        let load = Load { address: service.address, requests: &requests, expected: 202, connections: self.connections };
        let outcome = load.times(self.orders).await?;
        ensure!(outcome.refused == 0, "{} orders were refused", outcome.refused);
        Ok(outcome.per_second)
    }

    /// Single orders among those that were stored before, and pages of all.
    pub(crate) async fn read(
        &self,
        scene: &Scene<'_>,
        service: &Service,
        filler: &Filler,
        stored: usize,
        costs: &mut Costs,
    ) -> Result<()> {
        let get = |path: &str| request("GET", path, "", "");
        if stored > 0 {
            // Far from one another, and no two the same: 7,919 is a prime that divides none of the sizes.
            let ids = (0..1_000).map(|number| number * 7_919 % stored);
            let lookups: Vec<_> = ids.map(|number| get(&format!("/orders/{}", filler.id(number)))).collect();
            costs.lookup = Some(self.each(scene, service, &lookups).await?);
        }
        costs.newest = Some(self.each(scene, service, &[get("/orders?limit=50")]).await?);
        let users: Vec<_> = (0..1_000).map(|user| get(&format!("/orders?limit=50&userId=user-{user}"))).collect();
        costs.of_user = Some(self.each(scene, service, &users).await?);
        let declined = |user| get(&format!("/orders?limit=50&userId=user-{user}&status=DECLINED"));
        let declined: Vec<_> = (0..1_000).map(declined).collect();
        costs.of_user_declined = Some(self.each(scene, service, &declined).await?);
        Ok(())
    }

    /// What an answer costs, once connections are open and statements prepared.
    async fn each(&self, scene: &Scene<'_>, service: &Service, requests: &[Vec<u8>]) -> Result<f64> {
        let load = Load { address: service.address, requests, expected: 200, connections: READERS };
        load.times(WARM_UP).await?;
        let before = spent(scene, &[&service.process])?;
        let outcome = load.during(Duration::ZERO, self.reading).await?;
        ensure!(outcome.refused == 0, "{} reads failed", outcome.refused);
        let spent = spent(scene, &[&service.process])? - before;
        Ok(spent.as_secs_f64() * 1e6 / outcome.answered.max(1) as f64)
    }

    /// With a worker of its own, all that is waiting.
    pub(crate) async fn work_off(
        &self,
        scene: &mut Scene<'_>,
        service: &Service,
        orders: usize,
        costs: &mut Costs,
    ) -> Result<()> {
        let (before, start) = (spent(scene, &[&service.process])?, Instant::now());
        let mut worker = scene.payment_service().await?;
        loop {
            scene.queue.empty().await?;
            if service.nothing_pending().await? {
                break;
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        quiet(&[&service.process, &worker.process]).await?;
        let after = spent(scene, &[&service.process, &worker.process])?;
        costs.work_off = Some((after - before).as_secs_f64() * 1e6 / orders as f64);
        costs.worked_off_per_second = Some(orders as f64 / seconds);
        costs.order_service = Some(service.process.peak()?);
        costs.worker = Some(worker.process.peak()?);
        worker.process.kill().await
    }
}

/// By the services and by PostgreSQL.
fn spent(scene: &Scene<'_>, processes: &[&Process]) -> Result<Duration> {
    let services = processes.iter().map(|process| process.cpu()).sum::<Result<Duration>>()?;
    Ok(services + scene.databases.cpu()?.unwrap_or_default())
}
