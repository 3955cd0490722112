//! Connections: each has a task, all of them have one owner.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::http;
use super::shared::Shared;

/// What is left of a connection's work at the end has this long.
const LAST_ANSWERS: Duration = Duration::from_secs(1);
/// When no connection can be accepted, as there are too many files open.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop`, then lets connections finish what they have begun.
pub(super) async fn serve(listener: TcpListener, address: SocketAddr, shared: Arc<Shared>, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    let mut time = pin!(shared.keep_time());
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, address, shared.clone(), stop.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "the embedded queue cannot accept a connection");
                    sleep(PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
            () = &mut time => {}
            () = stop.cancelled() => break,
        }
    }
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if timeout(LAST_ANSWERS, all_ended).await.is_err() {
        connections.shutdown().await;
    }
}

async fn connection(stream: TcpStream, address: SocketAddr, shared: Arc<Shared>, stop: CancellationToken) {
    // Answers are written whole: to wait for more would only make them late.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps its delay");
    }
    let service = service_fn(|request| http::answer(&shared, address, request));
    let mut serving = pin!(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = &mut serving => ended,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to the embedded queue has ended");
    }
}
