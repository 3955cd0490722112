//! A worker: `examples/run`, or with the SDK's own variables set, `cargo run -p sqs --example worker`.

use sqs::{Consumer, ConsumerConfig, Delivery, Handler, Queue, Verdict, client};
use tokio::signal::unix::{SignalKind, signal};

struct Worker;

impl Handler for Worker {
    /// May be called more than once for a message: what it does must be idempotent.
    async fn handle(&self, delivery: &Delivery) -> Verdict {
        match delivery.body.parse::<u32>() {
            Ok(number) if number % 10 == 7 && delivery.attempt == 1 => Verdict::retry("sevens fail at first"),
            Ok(number) => {
                println!("{number} handled, receive {}", delivery.attempt);
                Verdict::Done
            }
            Err(error) => Verdict::reject("not-a-number", error.to_string()),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let name = std::env::var("QUEUE").unwrap_or_else(|_| "orders".to_owned());
    let queue = Queue::new(client::from_environment().await, &name);
    let mut terminated = signal(SignalKind::terminate())?;
    let consumer = Consumer::new(queue, Worker, ConsumerConfig::default().concurrency(10));
    consumer.run(async { terminated.recv().await.unwrap_or_default() }).await?;
    println!("stopped: nothing is held any more");
    Ok(())
}
