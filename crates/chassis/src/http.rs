//! HTTP ports.

mod stall;

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use axum::Router;
use axum_server::Handle;
use hyper_util::rt::TokioTimer;
use tokio_util::sync::CancellationToken;

use stall::StallLimit;

/// Within this, a request's header must have arrived. `axum::serve` has no such limit: a client that sends slowly would
/// hold its connection for ever (tokio-rs/axum#2741).
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// A port could not be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}; is another instance running? Set {variable} to another port")]
pub struct BindError {
    address: SocketAddr,
    variable: &'static str,
    source: std::io::Error,
}

impl BindError {
    /// Where the port was configured.
    pub fn variable(&self) -> &'static str {
        self.variable
    }
}

/// Listens on `address`; `variable` is where its port was configured.
pub fn bind(address: SocketAddr, variable: &'static str) -> Result<TcpListener, BindError> {
    let bound = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    bound.map_err(|source| BindError { address, variable, source })
}

/// Serves `app` until told to stop, then lets the requests under way finish within `grace`.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    stop: CancellationToken,
    grace: Duration,
) -> std::io::Result<()> {
    serve_within(StallLimit(None), listener, app, stop, grace).await
}

/// The same for answers that never end: a client that takes nothing for `stall` is dropped.
pub async fn serve_streams(
    listener: TcpListener,
    app: Router,
    stop: CancellationToken,
    grace: Duration,
    stall: Duration,
) -> std::io::Result<()> {
    serve_within(StallLimit(Some(stall)), listener, app, stop, grace).await
}

async fn serve_within(
    limit: StallLimit,
    listener: TcpListener,
    app: Router,
    stop: CancellationToken,
    grace: Duration,
) -> std::io::Result<()> {
    let handle = Handle::new();
    let stopping = async {
        stop.cancelled().await;
        handle.graceful_shutdown(Some(grace));
        std::future::pending::<()>().await;
    };
    let mut server = axum_server::from_tcp(listener)?.acceptor(limit).http1_only().handle(handle.clone());
    server.http_builder().http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    tokio::select! {
        served = server.serve(app.into_make_service_with_connect_info::<SocketAddr>()) => served,
        () = stopping => Ok(()),
    }
}
