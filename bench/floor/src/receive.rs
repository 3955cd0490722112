//! Messages received and deleted, ten at a time, and not looked at.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::DeleteMessageBatchRequestEntry;
use tokio::io::{AsyncBufReadExt, BufReader, stdin};

/// Says that it is ready, waits for a line on standard input, and receives until it is killed.
pub(crate) async fn run(sqs: Client, queue: String, pollers: usize) -> anyhow::Result<()> {
    println!("ready");
    BufReader::new(stdin()).lines().next_line().await?;
    let pollers = (0..pollers).map(|_| tokio::spawn(poll(sqs.clone(), queue.clone())));
    for poller in futures::future::join_all(pollers).await {
        poller??;
    }
    Ok(())
}

async fn poll(sqs: Client, queue: String) -> anyhow::Result<()> {
    loop {
        let receive = sqs.receive_message().queue_url(&queue).max_number_of_messages(10).wait_time_seconds(4);
        // Under the time-out of one attempt of the client, as the services' receives have a time-out of their own.
        let messages = receive.send().await?.messages.unwrap_or_default();
        if messages.is_empty() {
            continue;
        }
        let entries = messages.into_iter().enumerate().map(|(id, message)| {
            let entry = DeleteMessageBatchRequestEntry::builder().id(id.to_string());
            entry.set_receipt_handle(message.receipt_handle).build()
        });
        let entries = entries.collect::<Result<Vec<_>, _>>()?;
        let deleted = sqs.delete_message_batch().queue_url(&queue).set_entries(Some(entries)).send().await?;
        anyhow::ensure!(deleted.failed.is_empty(), "not deleted: {:?}", deleted.failed);
    }
}
