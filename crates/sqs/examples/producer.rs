//! A producer: `examples/run`, or with the SDK's own variables set, `cargo run -p sqs --example producer`.

use sqs::gathering::Gathering;
use sqs::{OutgoingMessage, Queue, client};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let name = std::env::var("QUEUE").unwrap_or_else(|_| "orders".to_owned());
    let queue = Queue::new(client::from_environment().await, &name);
    let mut waiting = Gathering::default();
    for number in 1..=25 {
        let message = OutgoingMessage::new(number.to_string()).with_attribute("tenant", "blue");
        let bytes = message.bytes();
        waiting.push(message, bytes);
    }
    waiting.push(OutgoingMessage::new("twenty-six"), "twenty-six".len());
    // Up to ten messages and 1 MiB in a call. Each entry has a result of its own: one can fail although the call did not.
    while let Some(batch) = waiting.take() {
        for (message, result) in batch.iter().zip(queue.send(&batch).await?) {
            match result {
                Ok(message_id) => println!("{} sent as {message_id}", message.body),
                Err(error) => eprintln!("{} not sent: {error}", message.body),
            }
        }
    }
    Ok(())
}
