//! `DATABASE_URL`: which engine, and where.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// The engines this crate speaks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// A file, for one instance of a service: `cargo run` and the tests.
    Sqlite,
    /// A server, for as many instances as wanted.
    Postgres,
}

/// The parameters of a PostgreSQL URL that its driver understands; it logs any other, with its value.
const PARAMETERS: [&str; 17] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
];

/// A `DATABASE_URL` that names one of the two engines. Its `Display` leaves out user, password and parameters.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    engine: Engine,
    url: String,
}

/// A `DATABASE_URL` that cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be sqlite://path/to/file.db or postgres://user:password@host/database")]
pub struct InvalidDatabaseUrl;

impl DatabaseUrl {
    /// Which engine the URL names.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    pub(crate) fn sqlite_directory(&self) -> Option<&Path> {
        let path = self.sqlite_path()?;
        Path::new(path).parent().filter(|directory| !directory.as_os_str().is_empty())
    }

    /// The URL for the driver: a missing SQLite file is to be created.
    pub(crate) fn connect_url(&self) -> String {
        match self.engine {
            Engine::Sqlite if !self.url.contains('?') => format!("{}?mode=rwc", self.url),
            _ => self.url.clone(),
        }
    }

    fn sqlite_path(&self) -> Option<&str> {
        let rest = self.url.strip_prefix("sqlite://")?;
        rest.split('?').next()
    }
}

impl FromStr for DatabaseUrl {
    type Err = InvalidDatabaseUrl;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = url.split_once("://").ok_or(InvalidDatabaseUrl)?;
        let engine = match scheme {
            "sqlite" => Engine::Sqlite,
            "postgres" | "postgresql" => Engine::Postgres,
            _ => return Err(InvalidDatabaseUrl),
        };
        if rest.is_empty() || rest.starts_with(['?', ':']) {
            return Err(InvalidDatabaseUrl);
        }
        let url = Self { engine, url: url.to_owned() };
        // The drivers' own parsers decide on the rest, so that a bad URL stops the process before anything is opened.
        let accepted = match engine {
            Engine::Sqlite => url.url.parse::<sqlx::sqlite::SqliteConnectOptions>().is_ok(),
            // A # cuts the URL short: in a password it would leave half of that as the port.
            Engine::Postgres if rest.contains('#') || !has_known_parameters(rest) => false,
            Engine::Postgres => url.url.parse::<sqlx::postgres::PgConnectOptions>().is_ok(),
        };
        if accepted { Ok(url) } else { Err(InvalidDatabaseUrl) }
    }
}

fn has_known_parameters(rest: &str) -> bool {
    let parameters = rest.split_once('?').map_or("", |(_, parameters)| parameters);
    let mut names = parameters.split('&').map(|parameter| parameter.split('=').next().unwrap_or_default());
    names.all(|name| name.is_empty() || name.starts_with("options") || PARAMETERS.contains(&name))
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.url.split('?').next().unwrap_or_default();
        match (self.engine, address.split_once("://"), address.rsplit_once('@')) {
            (Engine::Postgres, Some((scheme, _)), Some((_, host))) => write!(f, "{scheme}://…@{host}"),
            _ => f.write_str(address),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_one_of_the_two_engines() {
        let engine = |url: &str| url.parse::<DatabaseUrl>().map(|url| url.engine());
        assert_eq!(engine("sqlite://data/orders.db"), Ok(Engine::Sqlite));
        assert_eq!(engine("postgres://u:p@db/orders"), Ok(Engine::Postgres));
        assert_eq!(engine("postgres://db/orders?sslmode=require&options[search_path]=x"), Ok(Engine::Postgres));
        for bad in [
            "",
            "orders.db",
            "mysql://db/orders",
            "sqlite://",
            "sqlite://:memory:",
            "postgres://h:port/x",
            "postgres://u:12#3@h/x",
            "postgres://h/x?pasword=s3cret",
        ] {
            assert_eq!(engine(bad), Err(InvalidDatabaseUrl), "{bad}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        for url in [
            "postgres://orders:s3cret@db:5432/orders",
            "postgres://orders:s3@cret@db:5432/orders",
            "postgres://orders@db:5432/orders?password=s3cret",
            "postgres://orders@db:5432/orders?sslmode=require&password=s3@cret",
        ] {
            let url: DatabaseUrl = url.parse().unwrap();
            assert_eq!(url.to_string(), "postgres://…@db:5432/orders");
            assert_eq!(format!("{url:?}"), "postgres://…@db:5432/orders");
        }
        let url: DatabaseUrl = "postgres://db/orders?user=orders&password=s3cret".parse().unwrap();
        assert_eq!(url.to_string(), "postgres://db/orders");
    }
}
