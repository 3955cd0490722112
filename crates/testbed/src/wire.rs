//! The wire to a database server, which can be cut without a word: nothing arrives any more, and nobody is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Ends with the test.
pub struct Wire {
    /// The database's URL through the wire.
    pub url: String,
    cut: Arc<watch::Sender<bool>>,
    closed: Arc<AtomicBool>,
    listener: JoinHandle<()>,
}

impl Wire {
    /// A wire to the server of a `postgres://` URL.
    pub async fn to(url: &str) -> Self {
        let (login, rest) = url.rsplit_once('@').unwrap();
        let (server, database) = rest.split_once('/').unwrap();
        let server = server.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("{login}@{}/{database}", listener.local_addr().unwrap());
        let cut = Arc::new(watch::Sender::new(false));
        let (state, closed) = (cut.clone(), Arc::<AtomicBool>::default());
        let is_closed = closed.clone();
        let listener = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                if is_closed.load(Ordering::SeqCst) {
                    continue;
                }
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = TcpStream::connect(&server).await.unwrap().into_split();
                tokio::spawn(carry(from_client, to_server, state.subscribe()));
                tokio::spawn(carry(from_server, to_client, state.subscribe()));
            }
        });
        Self { url, cut, closed, listener }
    }

    /// From now on nothing arrives.
    pub fn cut(&self) {
        self.cut.send_replace(true);
    }

    /// From now on no further connection is taken; those that are open are left alone.
    pub fn close_to_newcomers(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// From now on everything arrives, what was sent meanwhile included.
    pub fn mend(&self) {
        self.cut.send_replace(false);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

async fn carry(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, mut cut: watch::Receiver<bool>) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if cut.wait_for(|cut| !cut).await.is_err() || to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
    let _ = cut.wait_for(|cut| !cut).await;
}
