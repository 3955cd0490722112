//! Configuration from environment variables, read whole before anything is opened.
//!
//! A service reads each of its variables through a [`Configuration`], which remembers every fault; [`Configuration::whole`]
//! then gives the result only if there was none. So one start shows all that is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::process::ExitCode;
use std::time::Duration;

use axum::http::Uri;

use crate::dot_env;

/// `EX_CONFIG` of sysexits.h: the configuration is at fault, starting again will not help.
pub const EXIT_CONFIGURATION: u8 = 78;

/// Environment variables by name.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The process's own variables, after a `.env` file in the working directory or above has added those not set.
    ///
    /// To be called before any thread is started.
    pub fn of_process() -> Result<Self, Faults> {
        dot_env::load()?;
        let readable = std::env::vars_os().filter_map(|(name, value)| {
            // A value that is not UTF-8 must not pass as unset: what stands in for it is refused by every parser.
            Some((name.into_string().ok()?, value.into_string().unwrap_or_else(|_| "\u{fffd}".to_owned())))
        });
        Ok(Self(readable.collect()))
    }

    /// The variables of a `.env` file's text, and no others.
    pub fn of_dot_env(text: &str) -> Result<Self, Faults> {
        dot_env::read(text).map(Self::from_iter)
    }

    /// Without what some other part of the process decides.
    pub fn without(mut self, names: &[&str]) -> Self {
        self.0.retain(|name, _| !names.contains(&name.as_str()));
        self
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// Everything that is wrong with the configuration, one line per variable.
#[derive(Debug, PartialEq, Eq)]
pub struct Faults(pub(crate) Vec<String>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for Faults {}

impl Faults {
    /// Prints the faults for the person who starts the process, and gives its exit code.
    pub fn report(&self) -> ExitCode {
        eprintln!("{self}");
        ExitCode::from(EXIT_CONFIGURATION)
    }
}

/// Reads variables and collects what is wrong with them: one line per variable, and never its value, which may be a secret.
#[derive(Debug, Default)]
pub struct Configuration {
    environment: Environment,
    faults: Vec<String>,
    asked: BTreeSet<String>,
}

impl Configuration {
    /// Reads from `environment`.
    pub fn new(environment: Environment) -> Self {
        Self { environment, ..Self::default() }
    }

    /// Every variable that has been asked for.
    pub fn asked(&self) -> &BTreeSet<String> {
        &self.asked
    }

    /// Whether `name` is set, and not to nothing.
    pub fn is_set(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.environment.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// The value of `name` as `parse` understands it, or `default` if it is not set. A variable set to nothing counts as
    /// not set, as docker-compose and shells leave them.
    pub fn read<T, E: fmt::Display>(&mut self, name: &str, default: T, parse: impl FnOnce(&str) -> Result<T, E>) -> T {
        self.asked.insert(name.to_owned());
        match self.value(name).map(parse) {
            None => default,
            Some(Ok(value)) => value,
            Some(Err(fault)) => {
                self.refuse(name, fault);
                default
            }
        }
    }

    /// Takes note of what is wrong with `name`, unless something is already known to be: two services in one process read
    /// the same variable.
    pub fn refuse(&mut self, name: &str, fault: impl fmt::Display) {
        let about = format!("{name}: ");
        if !self.faults.iter().any(|known| known.starts_with(&about)) {
            self.faults.push(format!("{about}{fault}"));
        }
    }

    /// A text that is not checked any further.
    pub fn text(&mut self, name: &str, default: &str) -> String {
        self.read(name, default.to_owned(), |value| Ok::<_, String>(value.to_owned()))
    }

    /// A whole number within `allowed`.
    pub fn number(&mut self, name: &str, default: u64, allowed: std::ops::RangeInclusive<u64>) -> u64 {
        self.read(name, default, |value| whole_number(value, &allowed))
    }

    /// A whole number within `allowed`, or none if it is not set.
    pub fn optional_number(&mut self, name: &str, allowed: std::ops::RangeInclusive<u64>) -> Option<u64> {
        self.read(name, None, |value| whole_number(value, &allowed).map(Some))
    }

    /// Whole seconds within `allowed`.
    pub fn seconds(&mut self, name: &str, default: u64, allowed: std::ops::RangeInclusive<u64>) -> Duration {
        Duration::from_secs(self.number(name, default, allowed))
    }

    /// A TCP port; 0 lets the system choose a free one.
    pub fn port(&mut self, name: &str, default: u16) -> u16 {
        self.number(name, default.into(), 0..=u16::MAX.into()) as u16
    }

    /// The name of a standard SQS queue.
    pub fn queue(&mut self, name: &str, default: &str) -> String {
        self.read(name, default.to_owned(), |value| {
            let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            if value.len() <= 80 && value.chars().all(allowed) {
                Ok(value.to_owned())
            } else {
                Err("must be a queue's name: 1-80 letters, digits, hyphens and underscores")
            }
        })
    }

    /// The endpoint that the AWS SDK reads by itself: checked here so that a bad one is refused like any other value.
    pub fn check_aws_endpoint(&mut self) {
        for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS"] {
            self.url(name, "http://localhost:4566");
        }
    }

    /// The region, which the AWS SDK looks for by itself, and in other places too. To be asked outside of any runtime.
    #[tokio::main(flavor = "current_thread")]
    pub async fn check_aws_region(&mut self) {
        self.asked.insert("AWS_REGION".to_owned());
        if let Err(none) = sqs::client::find_region().await {
            self.faults.push(none.to_string());
        }
    }

    /// An http or https URL, or none if it is not set. Without user, password and query: a library may log it.
    pub fn url(&mut self, name: &str, example: &str) -> Option<String> {
        self.read(name, None, |value| {
            let url = value.parse::<Uri>().ok().filter(|url| {
                let plain = url.authority().is_some_and(|authority| !authority.as_str().contains('@'));
                matches!(url.scheme_str(), Some("http" | "https")) && plain && url.query().is_none()
            });
            match url {
                Some(_) if !value.contains('#') => Ok(Some(value.to_owned())),
                _ => Err(format!("must be a URL such as {example}, without user, password and query")),
            }
        })
    }

    /// `value`, unless a fault was found.
    pub fn whole<T>(self, value: T) -> Result<T, Faults> {
        if self.faults.is_empty() { Ok(value) } else { Err(Faults(self.faults)) }
    }
}

fn whole_number(value: &str, allowed: &std::ops::RangeInclusive<u64>) -> Result<u64, String> {
    let number = value.parse().ok().filter(|number| allowed.contains(number));
    number.ok_or_else(|| format!("must be a whole number from {} to {}", allowed.start(), allowed.end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_told_at_once_and_says_what_is_allowed() {
        let environment =
            [("PORT", "http"), ("WORKER_CONCURRENCY", "0"), ("ORDERS_QUEUE", "orders.fifo"), ("OTHER", "")];
        let mut configuration = Configuration::new(environment.into_iter().collect());
        configuration.port("PORT", 3001);
        configuration.number("WORKER_CONCURRENCY", 64, 1..=1000);
        configuration.queue("ORDERS_QUEUE", "orders");
        assert_eq!(configuration.number("OTHER", 7, 1..=9), 7);
        let faults = configuration.whole(()).unwrap_err().to_string();
        assert_eq!(
            faults.lines().collect::<Vec<_>>(),
            [
                "PORT: must be a whole number from 0 to 65535",
                "WORKER_CONCURRENCY: must be a whole number from 1 to 1000",
                "ORDERS_QUEUE: must be a queue's name: 1-80 letters, digits, hyphens and underscores",
            ]
        );
    }

    #[test]
    fn an_endpoint_must_be_a_url() {
        let fault = |url: &str| {
            let mut configuration = Configuration::new([("AWS_ENDPOINT_URL", url)].into_iter().collect());
            configuration.check_aws_endpoint();
            configuration.whole(()).is_err()
        };
        assert!(!fault("http://localhost:4566"));
        assert!(!fault("https://sqs.eu-central-1.amazonaws.com/"));
        assert!(fault("localhost:4566"));
        assert!(fault("http://"));
        assert!(fault("http://user:s3cret@localhost:4566"));
        assert!(fault("http://localhost:4566/?key=s3cret"));
        assert!(fault("http://localhost:4566/#s3cret"));
    }

    #[test]
    fn a_variable_that_is_read_twice_is_told_once() {
        let mut configuration = Configuration::new([("RETRY_BASE_SECONDS", "s3cret")].into_iter().collect());
        configuration.number("RETRY_BASE_SECONDS", 1, 1..=300);
        configuration.number("RETRY_BASE_SECONDS", 1, 1..=300);
        configuration.refuse("RETRY_BASE", "is another one");
        let faults = configuration.whole(()).unwrap_err().to_string();
        assert_eq!(
            faults.lines().collect::<Vec<_>>(),
            ["RETRY_BASE_SECONDS: must be a whole number from 1 to 300", "RETRY_BASE: is another one"]
        );
    }
}
