//! The floor: the same HTTP server and the same SQS client as the services', and nothing between them. No service that
//! does its work can be cheaper per call; what it does instead is make fewer calls.

mod receive;
mod serve;

use clap::Parser;

#[derive(Parser)]
enum Command {
    /// `POST /orders`: one `SendMessage` per request.
    Serve {
        /// Where to listen, on 127.0.0.1.
        #[arg(long)]
        port: u16,
    },
    /// Receive ten, delete ten.
    Receive {
        /// How many do so at once.
        #[arg(long)]
        pollers: usize,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let command = Command::parse();
    let sqs = sqs::client::from_environment().await;
    let queue = sqs.get_queue_url().queue_name("orders").send().await?;
    let queue = queue.queue_url.ok_or_else(|| anyhow::anyhow!("SQS names no URL for the queue orders"))?;
    match command {
        Command::Serve { port } => serve::run(sqs, queue, port).await,
        Command::Receive { pollers } => receive::run(sqs, queue, pollers).await,
    }
}
