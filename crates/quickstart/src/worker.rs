//! The payment service in a runtime of its own, so that it can be killed as `kill -9` would: between two of its steps, with
//! nothing finished and nothing given back. What it held comes again after its visibility timeout.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use payment_service::{PaymentService, Settings};
use sqs::client;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Mutex;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio_util::sync::CancellationToken;

/// For what cannot be cut off.
const LAST: Duration = Duration::from_secs(2);

/// It runs, or it has been killed.
pub(crate) struct Worker {
    settings: Settings,
    queue_url: String,
    /// Of the whole system.
    stop: CancellationToken,
    is_up: Arc<AtomicBool>,
    running: Mutex<Option<Running>>,
}

struct Running {
    runtime: OwnRuntime,
    ended: JoinHandle<anyhow::Result<()>>,
}

/// Ends with whoever owns it, in the midst of another runtime, where none may just be dropped.
struct OwnRuntime(Option<Runtime>);

impl OwnRuntime {
    /// Ends all that runs in it, and returns when nothing does any more.
    async fn end(mut self) -> anyhow::Result<()> {
        if let Some(runtime) = self.0.take() {
            spawn_blocking(move || runtime.shutdown_timeout(LAST)).await?;
        }
        Ok(())
    }
}

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Worker {
    /// Starts it for the first time; its admin port is then known, and stays what it is.
    pub(crate) async fn start(
        mut settings: Settings,
        queue_url: &str,
        stop: CancellationToken,
    ) -> anyhow::Result<(Self, SocketAddr)> {
        let (admin, running) = run(settings.clone(), queue_url.to_owned(), stop.clone()).await?;
        settings.admin_port = admin.port();
        let (queue_url, is_up) = (queue_url.to_owned(), Arc::new(AtomicBool::new(true)));
        Ok((Self { settings, queue_url, stop, is_up, running: Mutex::new(Some(running)) }, admin))
    }

    pub(crate) fn is_up(&self) -> bool {
        self.is_up.load(Ordering::Relaxed)
    }

    /// Starts it again, unless it runs.
    pub(crate) async fn start_again(&self) -> anyhow::Result<()> {
        let mut running = self.running.lock().await;
        if running.is_none() && !self.stop.is_cancelled() {
            let (_, started) = run(self.settings.clone(), self.queue_url.clone(), self.stop.clone()).await?;
            *running = Some(started);
            self.is_up.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Ends it where it stands.
    pub(crate) async fn kill(&self) -> anyhow::Result<()> {
        let Some(Running { runtime, ended }) = self.running.lock().await.take() else { return Ok(()) };
        self.is_up.store(false, Ordering::Relaxed);
        runtime.end().await?;
        ended.await?
    }

    /// Awaits its end, after the system has been told to stop.
    pub(crate) async fn ended(&self) -> anyhow::Result<()> {
        let Some(Running { runtime, ended }) = self.running.lock().await.take() else { return Ok(()) };
        let outcome = ended.await?;
        runtime.end().await?;
        outcome
    }
}

async fn run(settings: Settings, queue_url: String, stop: CancellationToken) -> anyhow::Result<(SocketAddr, Running)> {
    let runtime = Builder::new_multi_thread().enable_all().thread_name("payment-service").build()?;
    let (told, handle) = (stop.child_token(), runtime.handle().clone());
    let built = runtime.spawn(async move {
        // Its connections are its own as well.
        let sqs = client::for_endpoint(&queue_url).await;
        let service = PaymentService::build(settings, sqs).await?;
        Ok::<_, anyhow::Error>((service.admin_address()?, service))
    });
    let runtime = OwnRuntime(Some(runtime));
    let (admin, service) = built.await??;
    let running = handle.spawn(service.run(told));
    let ended = tokio::spawn(async move {
        match running.await {
            Ok(outcome) => {
                stop.cancel();
                outcome
            }
            Err(killed) if killed.is_cancelled() => Ok(()),
            Err(panicked) => {
                stop.cancel();
                Err(panicked.into())
            }
        }
    });
    Ok((admin, Running { runtime, ended }))
}
