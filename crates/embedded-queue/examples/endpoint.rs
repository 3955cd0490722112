//! The embedded queue as a process of its own, for measuring the services beside it:
//! `cargo run --release -p embedded-queue --example endpoint -- 4566`.

use embedded_queue::EmbeddedQueue;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(4566);
    let queue = EmbeddedQueue::start(TcpListener::bind(("127.0.0.1", port)).await?)?;
    queue.create_queues().await?;
    println!("AWS_ENDPOINT_URL={}", queue.url());
    tokio::signal::ctrl_c().await?;
    queue.stop().await;
    Ok(())
}
