//! The worker's configuration.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use chassis::{Configuration, Environment, Faults, Stopping};
use database::DatabaseUrl;
use sqs::ConsumerConfig;

use crate::provider::{Presence, ProviderUrl};

/// Everything that can be set, already checked. `.env.example` says what each is for.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the admin port listens.
    pub address: IpAddr,
    /// `ADMIN_PORT`
    pub admin_port: u16,
    /// `DATABASE_URL`
    pub database_url: DatabaseUrl,
    /// `ORDERS_QUEUE`
    pub orders_queue: String,
    /// `PAYMENTS_QUEUE`
    pub payments_queue: String,
    /// How the orders are consumed.
    pub consumer: ConsumerConfig,
    /// How it stops.
    pub stopping: Stopping,
    /// `QUEUE_METRICS_SECONDS`; none: SQS is not asked how many messages there are.
    pub queue_metrics: Option<Duration>,
    /// `PAYMENT_PROVIDER_URL`; none: the built-in simulator.
    pub provider_url: Option<ProviderUrl>,
    /// Whether the built-in simulator is there; nothing in the environment takes it away.
    pub simulator_presence: Presence,
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
        let stopping = Stopping::read(configuration);
        let default_database = "sqlite://data/payments.db".parse().expect("the default is a database URL");
        Self {
            address: Ipv4Addr::UNSPECIFIED.into(),
            admin_port: configuration.port("ADMIN_PORT", 3012),
            database_url: configuration.read("DATABASE_URL", default_database, str::parse),
            orders_queue: configuration.queue("ORDERS_QUEUE", "orders"),
            payments_queue: configuration.queue("PAYMENTS_QUEUE", "payments"),
            consumer: chassis::worker::load(configuration, stopping),
            stopping,
            queue_metrics: chassis::worker::queue_metrics(configuration),
            provider_url: configuration.read("PAYMENT_PROVIDER_URL", None, |url| url.parse().map(Some)),
            simulator_presence: Presence::default(),
        }
    }
}
