//! The service's configuration.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use chassis::{Configuration, Environment, Faults, Stopping};
use database::DatabaseUrl;
use sqs::ConsumerConfig;

use crate::http::edge::EdgeSettings;

/// Everything that can be set, already checked. `.env.example` says what each is for.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where both ports listen.
    pub address: IpAddr,
    /// `PORT`
    pub port: u16,
    /// `ADMIN_PORT`
    pub admin_port: u16,
    /// `DATABASE_URL`
    pub database_url: DatabaseUrl,
    /// `ORDERS_QUEUE`
    pub orders_queue: String,
    /// `PAYMENTS_QUEUE`
    pub payments_queue: String,
    /// `OUTBOX_CAP`: events that may wait for the queue before orders are refused.
    pub outbox_cap: usize,
    /// What stands between the network and the routes.
    pub edge: EdgeSettings,
    /// How the results are consumed.
    pub consumer: ConsumerConfig,
    /// How it stops.
    pub stopping: Stopping,
    /// `QUEUE_METRICS_SECONDS`; none: SQS is not asked how many messages there are.
    pub queue_metrics: Option<Duration>,
}

impl Settings {
    /// Reads the settings, or names everything that is wrong with them.
    pub fn load(environment: Environment) -> Result<Self, Faults> {
        let mut configuration = Configuration::new(environment);
        let settings = Self::read(&mut configuration);
        configuration.whole(settings)
    }

    /// Reads the settings beside others.
    pub fn read(configuration: &mut Configuration) -> Self {
        configuration.check_aws_endpoint();
        let default_database = "sqlite://data/orders.db".parse().expect("the default is a database URL");
        let stopping = Stopping::read(configuration);
        Self {
            address: Ipv4Addr::UNSPECIFIED.into(),
            port: configuration.port("PORT", 3001),
            admin_port: configuration.port("ADMIN_PORT", 3011),
            database_url: configuration.read("DATABASE_URL", default_database, str::parse),
            orders_queue: configuration.queue("ORDERS_QUEUE", "orders"),
            payments_queue: configuration.queue("PAYMENTS_QUEUE", "payments"),
            outbox_cap: configuration.number("OUTBOX_CAP", 100_000, 1..=100_000_000) as usize,
            edge: EdgeSettings::read(configuration),
            consumer: chassis::worker::load(configuration, stopping),
            stopping,
            queue_metrics: chassis::worker::queue_metrics(configuration),
        }
    }
}
