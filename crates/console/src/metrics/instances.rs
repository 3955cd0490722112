//! The instances of the services: where they are, whether they answer, and what they said last.

use std::net::SocketAddr;
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use reqwest::Client;
use serde::Deserialize;
use tokio::net::lookup_host;
use tokio::time::{Instant, timeout};

use super::reading::Count;
use super::totals::{Sample, Totals};

/// Shorter than the time from one state to the next: an instance that hangs holds up nobody.
const ANSWER: Duration = Duration::from_millis(400);
/// Figures that are older are no longer those of now.
const FRESH: Duration = Duration::from_secs(2);
/// An instance that has said nothing for so long is away.
const SILENT: Duration = Duration::from_secs(10);
/// How often a name is looked up: behind one there may be several instances, and others tomorrow.
const LOOK_UP: Duration = Duration::from_secs(5);

/// Whose instance it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    Orders,
    Payments,
}

/// Whether an instance is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// Nobody has asked it yet.
    Unknown,
    Up,
    /// It has missed an answer; its figures are of before.
    Stale,
    Away,
}

/// What `/readyz` says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Readiness {
    pub(crate) status: String,
    pub(crate) database: String,
    pub(crate) queue: String,
}

/// One process of a service.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) service: Service,
    /// As it was configured.
    pub(crate) url: String,
    /// Where that name leads.
    address: Option<SocketAddr>,
    pub(crate) presence: Presence,
    pub(crate) since: Timestamp,
    pub(crate) readiness: Readiness,
    /// What it said last, and when.
    pub(crate) said: Option<(Sample, Timestamp)>,
    heard: Option<Instant>,
}

/// All of them.
pub(crate) struct Instances {
    http: Client,
    urls: Vec<(Service, String)>,
    all: Vec<Instance>,
    looked_up: Option<Instant>,
}

/// What an instance answered.
enum Answer {
    Said(String, Readiness),
    /// There is nobody.
    Refused,
    /// It takes its time, or says what cannot be read.
    Missing,
}

impl Instances {
    pub(crate) fn new(http: Client, orders: &[String], payments: &[String]) -> Self {
        let of =
            |service: Service, urls: &[String]| urls.iter().map(move |url| (service, url.clone())).collect::<Vec<_>>();
        let urls = [of(Service::Orders, orders), of(Service::Payments, payments)].concat();
        Self { http, urls, all: Vec::new(), looked_up: None }
    }

    pub(crate) fn of(&self, service: Service) -> impl Iterator<Item = &Instance> + Clone {
        self.all.iter().filter(move |instance| instance.service == service)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Instance> + Clone {
        self.all.iter()
    }

    /// Whether somebody answers who counts that.
    pub(crate) fn measure(&self, count: Count) -> bool {
        count.counted_by().iter().all(|service| self.of(*service).any(Instance::is_up))
    }

    /// Asks all of them, at the same time, and adds what they have counted. Whether one answers again that had been silent:
    /// when what it has counted meanwhile happened, nobody knows.
    pub(crate) async fn ask(&mut self, totals: &mut Totals) -> bool {
        if self.looked_up.is_none_or(|at| at.elapsed() >= LOOK_UP) {
            self.look_up().await;
            self.looked_up = Some(Instant::now());
        }
        let answers = join_all(self.all.iter().map(|instance| ask(&self.http, instance))).await;
        let silent: Vec<bool> = self.all.iter().map(Instance::is_silent).collect();
        for (instance, answer) in self.all.iter_mut().zip(answers) {
            instance.hear(answer, totals);
        }
        self.all.iter().zip(silent).any(|(instance, silent)| silent && instance.is_up())
    }

    /// A name may stand for several addresses, each an instance. One that is gone from there is forgotten, but not while
    /// it is the only one: it is shown as away.
    async fn look_up(&mut self) {
        let found =
            join_all(self.urls.iter().map(|(service, url)| async move { (*service, url, addresses(url).await) }));
        for (service, url, addresses) in found.await {
            let of_url = |instance: &Instance| instance.service == service && instance.url == *url;
            if addresses.is_empty() {
                if !self.all.iter().any(of_url) {
                    self.all.push(Instance::new(service, url, None));
                }
                continue;
            }
            self.all.retain(|instance| !of_url(instance) || instance.address.is_some_and(|at| addresses.contains(&at)));
            for address in addresses {
                if !self.all.iter().any(|instance| of_url(instance) && instance.address == Some(address)) {
                    self.all.push(Instance::new(service, url, Some(address)));
                }
            }
        }
    }
}

impl Instance {
    fn new(service: Service, url: &str, address: Option<SocketAddr>) -> Self {
        Self {
            service,
            url: url.to_owned(),
            address,
            presence: Presence::Unknown,
            since: Timestamp::now(),
            readiness: Readiness::default(),
            said: None,
            heard: None,
        }
    }

    fn hear(&mut self, answer: Answer, totals: &mut Totals) {
        let presence = match answer {
            Answer::Said(text, readiness) => {
                let before = self.said.take();
                let sample = totals.add(&text, before.as_ref().map(|(sample, _)| sample));
                self.said = Some((sample, Timestamp::now()));
                self.heard = Some(Instant::now());
                self.readiness = readiness;
                Presence::Up
            }
            Answer::Refused => Presence::Away,
            Answer::Missing => match self.heard.map(|heard| heard.elapsed()) {
                Some(silent) if silent < FRESH => self.presence,
                Some(silent) if silent < SILENT => Presence::Stale,
                _ => Presence::Away,
            },
        };
        if presence != self.presence {
            (self.presence, self.since) = (presence, Timestamp::now());
        }
    }

    pub(crate) fn is_up(&self) -> bool {
        self.presence == Presence::Up
    }

    /// It has answered before, and does not now.
    fn is_silent(&self) -> bool {
        matches!(self.presence, Presence::Stale | Presence::Away) && self.said.is_some()
    }
}

/// Those that an address of its own is asked at. TLS needs the name, and so does what the name cannot be found for now.
async fn addresses(url: &str) -> Vec<SocketAddr> {
    let Some(authority) = url.strip_prefix("http://") else { return Vec::new() };
    let authority = if has_port(authority) { authority.to_owned() } else { format!("{authority}:80") };
    let found = timeout(ANSWER, lookup_host(authority)).await;
    let mut found: Vec<SocketAddr> = found.ok().and_then(Result::ok).into_iter().flatten().collect();
    // `localhost` is one machine by two names.
    if found.iter().all(|address| address.ip().is_loopback()) {
        found.sort_by_key(SocketAddr::is_ipv6);
        found.truncate(1);
    }
    found
}

fn has_port(authority: &str) -> bool {
    authority.rsplit_once(':').is_some_and(|(_, port)| !port.is_empty() && port.chars().all(|c| c.is_ascii_digit()))
}

async fn ask(http: &Client, instance: &Instance) -> Answer {
    let base = instance.address.map_or_else(|| instance.url.clone(), |address| format!("http://{address}"));
    let get = async |path: &str| http.get(format!("{base}{path}")).timeout(ANSWER).send().await;
    let (metrics, readiness) = tokio::join!(get("/metrics"), get("/readyz"));
    let metrics = match metrics {
        Ok(metrics) if metrics.status().is_success() => metrics,
        Err(error) if error.is_connect() && !error.is_timeout() => return Answer::Refused,
        Ok(_) | Err(_) => return Answer::Missing,
    };
    let Ok(readiness) = readiness else { return Answer::Missing };
    match (metrics.text().await, readiness.json().await) {
        (Ok(metrics), Ok(readiness)) => Answer::Said(metrics, readiness),
        _ => Answer::Missing,
    }
}
