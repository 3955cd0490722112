//! What every process tells of itself, and how metrics are written.

mod build;
mod exposition;
mod process;

use prometheus_client::registry::Registry;

pub(crate) use exposition::Exposition;

/// Adds what is known of this process to `registry`.
pub fn register(registry: &mut Registry) {
    build::register(registry);
    registry.register_collector(Box::new(process::Process));
}
