//! A limit on each client's requests.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use axum::response::IntoResponse;
use chassis::Configuration;
use governor::middleware::NoOpMiddleware;
use tower_governor::governor::{GovernorConfig, GovernorConfigBuilder};
use tower_governor::key_extractor::KeyExtractor;
use tower_governor::{GovernorError, GovernorLayer};

use crate::http::problem::Problem;

type Config = GovernorConfig<ClientAddress, NoOpMiddleware>;

/// So many requests per second and client, after a burst.
#[derive(Clone)]
pub struct RateLimit(Arc<Config>);

impl std::fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RateLimit")
    }
}

impl RateLimit {
    /// None: `RATE_LIMIT_PER_SECOND` is not set, there is no limit.
    pub(super) fn read(configuration: &mut Configuration) -> Option<Self> {
        let per_second = configuration.optional_number("RATE_LIMIT_PER_SECOND", 1..=1_000_000);
        let burst = configuration.number("RATE_LIMIT_BURST", per_second.unwrap_or(1), 1..=1_000_000);
        let behind_proxy = configuration
            .read("RATE_LIMIT_BEHIND_PROXY", false, |value| value.parse::<bool>().map_err(|_| "must be true or false"));
        Self::new(per_second?, burst, behind_proxy)
    }

    fn new(per_second: u64, burst: u64, behind_proxy: bool) -> Option<Self> {
        let config = GovernorConfigBuilder::default()
            .period(Duration::from_secs(1) / u32::try_from(per_second).ok()?)
            .burst_size(u32::try_from(burst).ok()?)
            .key_extractor(ClientAddress { behind_proxy })
            .finish()?;
        Some(Self(Arc::new(config)))
    }

    pub(super) fn layer(&self) -> GovernorLayer<ClientAddress, NoOpMiddleware, Body> {
        GovernorLayer::new(self.0.clone()).error_handler(|error| match error {
            GovernorError::TooManyRequests { wait_time, .. } => Problem::too_many_requests(wait_time).into_response(),
            _ => Problem::internal().into_response(),
        })
    }

    /// Forgets the clients that have not come for a while.
    pub(crate) fn forget_idle_clients(&self) {
        self.0.limiter().retain_recent();
    }
}

/// The address that a client is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ClientAddress {
    /// Whether the last entry of `X-Forwarded-For` counts: the one that the proxy has added itself. All others could be
    /// the client's own invention.
    behind_proxy: bool,
}

impl KeyExtractor for ClientAddress {
    type Key = IpAddr;

    fn extract<T>(&self, request: &Request<T>) -> Result<IpAddr, GovernorError> {
        let forwarded = || {
            let last = request.headers().get_all("x-forwarded-for").iter().next_back()?;
            last.to_str().ok()?.rsplit(',').next()?.trim().parse().ok()
        };
        let peer = || request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
        let address = if self.behind_proxy { forwarded().or_else(peer) } else { peer() };
        address.map(network).ok_or(GovernorError::UnableToExtractKey)
    }
}

/// Every subscriber has at least a /64 of IPv6 addresses to itself (RFC 6177), and could use a new one for each request.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}
