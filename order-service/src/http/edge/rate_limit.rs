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
pub struct RateLimit {
    config: Arc<Config>,
    clients: ClientAddress,
}

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
        if !configuration.is_set("RATE_LIMIT_PER_SECOND") && (configuration.is_set("RATE_LIMIT_BURST") || behind_proxy)
        {
            let wanted =
                "must be set where RATE_LIMIT_BURST or RATE_LIMIT_BEHIND_PROXY is: without it there is no limit";
            configuration.refuse("RATE_LIMIT_PER_SECOND", wanted);
        }
        Self::new(per_second?, burst, behind_proxy)
    }

    fn new(per_second: u64, burst: u64, behind_proxy: bool) -> Option<Self> {
        let clients = ClientAddress { behind_proxy };
        let config = GovernorConfigBuilder::default()
            .period(Duration::from_secs(1) / u32::try_from(per_second).ok()?)
            .burst_size(u32::try_from(burst).ok()?)
            .key_extractor(clients.clone())
            .finish()?;
        Some(Self { config: Arc::new(config), clients })
    }

    pub(super) fn layer(&self) -> GovernorLayer<ClientAddress, NoOpMiddleware, Body> {
        GovernorLayer::new(self.config.clone()).error_handler(|error| match error {
            GovernorError::TooManyRequests { wait_time, .. } => Problem::too_many_requests(wait_time).into_response(),
            _ => Problem::internal().into_response(),
        })
    }

    pub(super) fn clients(&self) -> &ClientAddress {
        &self.clients
    }

    /// Forgets the clients that have not come for a while.
    pub(crate) fn forget_idle_clients(&self) {
        self.config.limiter().retain_recent();
    }
}

/// The address that a client is known by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
            client_address(last.to_str().ok()?.rsplit(',').next()?.trim())
        };
        let peer = || request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
        let address = if self.behind_proxy { forwarded().or_else(peer) } else { peer() };
        address.map(network).ok_or(GovernorError::UnableToExtractKey)
    }
}

/// An address as proxies write it: bare, or with the client's port as some add it; IPv6 with or without its brackets.
fn client_address(text: &str) -> Option<IpAddr> {
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    text.parse().ok().or_else(with_port).or_else(bracketed)
}

/// Every subscriber has at least a /64 of IPv6 addresses to itself (RFC 6177), and could use a new one for each request.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_known_by_its_address_however_its_proxy_writes_it() {
        let (v4, v6) = (Some(IpAddr::from([203, 0, 113, 7])), "2001:db8::7".parse().ok());
        for (text, address) in [
            ("203.0.113.7", v4),
            ("203.0.113.7:4711", v4),
            ("2001:db8::7", v6),
            ("[2001:db8::7]", v6),
            ("[2001:db8::7]:4711", v6),
            ("", None),
            ("unknown", None),
            ("203.0.113.7:", None),
            ("203.0.113.7:99999", None),
            ("[203.0.113.7]", None),
            ("[2001:db8::7", None),
        ] {
            assert_eq!(client_address(text), address, "{text}");
        }
    }
}
