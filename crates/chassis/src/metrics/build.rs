//! Which version runs.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The commit that it was built from: `GIT_COMMIT` at build time, for a build has no repository at hand in a container.
const COMMIT: &str = match option_env!("GIT_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Build {
    version: &'static str,
    commit: &'static str,
}

pub(super) fn register(registry: &mut Registry) {
    let info = Family::<Build, Gauge>::default();
    info.get_or_create(&Build { version: env!("CARGO_PKG_VERSION"), commit: COMMIT }).set(1);
    registry.register("build_info", "1, with the version and the commit that it was built from", info);
}
