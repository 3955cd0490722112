//! What every service process needs and none is about: configuration, logs, health, HTTP ports, stopping,
//! and the commands that both services have.

pub mod admin;
pub mod configuration;
mod dot_env;
pub mod health;
pub mod healthcheck;
pub mod http;
pub mod metrics;
pub mod outbox;
pub mod output;
pub mod printable;
pub mod process;
pub mod shutdown;
pub mod table;
pub mod telemetry;
pub mod tls;
pub mod trace;
pub mod worker;

pub use configuration::{Configuration, Environment, Faults};
pub use health::Health;
pub use shutdown::Stopping;
