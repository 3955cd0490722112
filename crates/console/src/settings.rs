//! The console's configuration.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use axum::http::Uri;
use chassis::{Configuration, Environment, Faults};

use crate::price::Price;

/// A listener that takes nothing for so long is dropped.
const STALL: Duration = Duration::from_secs(5);

/// Everything that can be set, already checked. `.env.example` says what each is for.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `CONSOLE_BIND`
    pub address: IpAddr,
    /// `CONSOLE_PORT`
    pub port: u16,
    /// `CONSOLE_HOSTS`: the names that it answers to, beside this machine's own.
    pub hosts: Vec<String>,
    /// `ORDER_SERVICE_URL`
    pub api: String,
    /// `ORDER_SERVICE_ADMIN_URLS`
    pub order_service_admin: Vec<String>,
    /// `PAYMENT_SERVICE_ADMIN_URLS`
    pub payment_service_admin: Vec<String>,
    /// `ORDERS_QUEUE`
    pub orders_queue: String,
    /// `PAYMENTS_QUEUE`
    pub payments_queue: String,
    /// `SQS_PRICE_PER_MILLION_REQUESTS`
    pub price: Price,
    /// How long a listener may take nothing before it is dropped.
    pub stall: Duration,
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
        let address = |value: &str| value.parse().map_err(|_| "must be an IP address, such as 127.0.0.1 or 0.0.0.0");
        let api = "http://localhost:3001";
        Self {
            address: configuration.read("CONSOLE_BIND", Ipv4Addr::LOCALHOST.into(), address),
            port: configuration.port("CONSOLE_PORT", 3000),
            hosts: configuration.read("CONSOLE_HOSTS", Vec::new(), hosts),
            api: configuration.url("ORDER_SERVICE_URL", api).unwrap_or_else(|| api.into()),
            order_service_admin: configuration.read(
                "ORDER_SERVICE_ADMIN_URLS",
                vec!["http://localhost:3011".into()],
                urls,
            ),
            payment_service_admin: configuration.read(
                "PAYMENT_SERVICE_ADMIN_URLS",
                vec!["http://localhost:3012".into()],
                urls,
            ),
            orders_queue: configuration.queue("ORDERS_QUEUE", "orders"),
            payments_queue: configuration.queue("PAYMENTS_QUEUE", "payments"),
            price: Price::read(configuration),
            stall: STALL,
        }
    }
}

/// Names separated by commas, as they stand in a `Host` header before its port.
fn hosts(value: &str) -> Result<Vec<String>, &'static str> {
    let name = |name: &str| {
        let name = name.trim().to_ascii_lowercase();
        let usable = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        (!name.is_empty() && name.chars().all(usable)).then_some(name)
    };
    let names: Option<Vec<_>> = value.split(',').map(name).collect();
    names.ok_or("must be host names separated by commas, without ports, such as console.example.com")
}

/// Base URLs separated by commas.
fn urls(value: &str) -> Result<Vec<String>, &'static str> {
    let url = |url: &str| {
        let url = url.trim().trim_end_matches('/');
        let uri = url.parse::<Uri>().ok()?;
        let plain = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        let usable = matches!(uri.scheme_str(), Some("http" | "https")) && plain;
        (usable && uri.path() == "/" && uri.query().is_none() && !url.contains('#')).then(|| url.to_owned())
    };
    let urls: Option<Vec<_>> = value.split(',').map(url).collect();
    urls.ok_or("must be URLs separated by commas, without user, path and query, such as http://localhost:3011")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(name: &str, value: &str) -> Option<String> {
        Settings::load([(name, value)].into_iter().collect()).err().map(|faults| faults.to_string())
    }

    #[test]
    fn what_cannot_be_used_is_told_by_its_name_and_never_by_its_value() {
        let bad = [
            ("CONSOLE_BIND", "localhost"),
            ("CONSOLE_PORT", "70000"),
            ("CONSOLE_HOSTS", "console.example.com:3000"),
            ("CONSOLE_HOSTS", "a,,b"),
            ("ORDER_SERVICE_URL", "localhost:3001"),
            ("ORDER_SERVICE_ADMIN_URLS", "http://a:3011,http://user:s3cret@b:3011"),
            ("PAYMENT_SERVICE_ADMIN_URLS", "http://a:3012/metrics"),
            ("ORDERS_QUEUE", "orders.fifo"),
            ("SQS_PRICE_PER_MILLION_REQUESTS", "cheap"),
        ];
        for (name, value) in bad {
            let told = fault(name, value).unwrap_or_else(|| panic!("{name}={value} is taken"));
            assert!(told.starts_with(&format!("{name}: must be ")) && !told.contains("s3cret"), "{told}");
        }
    }

    #[test]
    fn several_instances_are_a_list() {
        let variables =
            [("PAYMENT_SERVICE_ADMIN_URLS", "http://one:3012, https://two/"), ("CONSOLE_HOSTS", "A.test, b")];
        let settings = Settings::load(variables.into_iter().collect()).unwrap();
        assert_eq!(settings.payment_service_admin, ["http://one:3012", "https://two"]);
        assert_eq!(settings.hosts, ["a.test", "b"]);
    }
}
