//! A client that takes nothing: what it has not read stays with the server, for as long as the connection does.

use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready as ready_or_pending};
use std::time::Duration;

use axum_server::accept::Accept;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// What the system keeps for a client on its way there: little, so that one that takes nothing is noticed.
const SEND_BUFFER: usize = 64 * 1024;

/// Ends connections whose client takes nothing for so long; none: none.
#[derive(Clone, Copy, Debug)]
pub(super) struct StallLimit(pub(super) Option<Duration>);

impl<S> Accept<TcpStream, S> for StallLimit {
    type Stream = Unstalled;
    type Service = S;
    type Future = Ready<io::Result<(Unstalled, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let prepared = self.0.map_or(Ok(()), |_| {
            stream.set_nodelay(true)?;
            SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER)
        });
        ready(prepared.map(|()| (Unstalled { stream, limit: self.0, stalled: None }, service)))
    }
}

/// A connection that fails once it has been waiting to write for too long.
#[derive(Debug)]
pub(super) struct Unstalled {
    stream: TcpStream,
    limit: Option<Duration>,
    /// Since the client last took something.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Unstalled {
    fn written<T>(&mut self, context: &mut Context<'_>, wrote: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if wrote.is_ready() {
            self.stalled = None;
            return wrote;
        }
        let Some(limit) = self.limit else { return Poll::Pending };
        ready_or_pending!(self.stalled.get_or_insert_with(|| Box::pin(sleep(limit))).as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Unstalled {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Unstalled {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write(context, buffer);
        self.written(context, wrote)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write_vectored(context, buffers);
        self.written(context, wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
