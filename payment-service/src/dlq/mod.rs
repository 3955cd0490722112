//! `payment-service dlq`: dead letters for people.

mod list;
mod redrive;
mod show;

use aws_sdk_sqs::Client;
use chassis::output::Output;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use sqs::Queue;
use sqs::dead_letter::{self, Browser, DeadLetter, HOLD, THOROUGH};

use crate::Settings;

/// Look at dead letters, send them back, or delete them.
#[derive(Args)]
pub struct DlqArguments {
    #[command(subcommand)]
    command: DlqCommand,
    /// Whose dead letters.
    #[arg(long, value_enum, default_value = "orders", global = true)]
    queue: SourceQueue,
    /// What to print.
    #[arg(long, value_enum, default_value = "text", global = true)]
    output: Output,
}

#[derive(Subcommand)]
enum DlqCommand {
    /// One line per dead letter.
    List {
        /// At most so many.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
    },
    /// One dead letter whole, with its attributes.
    Show {
        /// The message id, as list shows it.
        id: String,
    },
    /// Send dead letters back to the queue that they came from.
    Redrive(redrive::Selection),
    /// Delete all dead letters, for good.
    Purge {
        /// Say that you mean it.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum SourceQueue {
    Orders,
    Payments,
}

/// Runs the command; false if what it was about is not there.
pub async fn run(arguments: DlqArguments, settings: &Settings, sqs: Client) -> anyhow::Result<bool> {
    let name = match arguments.queue {
        SourceQueue::Orders => &settings.orders_queue,
        SourceQueue::Payments => &settings.payments_queue,
    };
    let source = Queue::new(sqs, name);
    let Some(dead_letters) = source.dead_letter_queue().await? else {
        anyhow::bail!("the queue {name} has no redrive policy, so no dead-letter queue");
    };
    let output = arguments.output;
    match arguments.command {
        DlqCommand::List { limit } => list::run(dead_letters, limit as usize, output).await?,
        DlqCommand::Show { id } => return show::run(dead_letters, &id, output).await,
        DlqCommand::Redrive(selection) => return redrive::run(selection, dead_letters, source, output).await,
        DlqCommand::Purge { yes: false } => {
            anyhow::bail!("nothing was deleted; add --yes to delete every message in {}", dead_letters.name());
        }
        DlqCommand::Purge { yes: true } => {
            dead_letter::purge(&dead_letters).await?;
            output.say(&format!("{} purged", dead_letters.name()), &json!({ "purged": dead_letters.name() }));
        }
    }
    Ok(true)
}

/// Reads up to `limit` dead letters, and gives all of them back.
async fn read(dead_letters: Queue, limit: usize) -> anyhow::Result<Vec<DeadLetter>> {
    let mut browser = Browser::new(dead_letters, THOROUGH, HOLD);
    let mut letters: Vec<DeadLetter> = Vec::new();
    let outcome = loop {
        match browser.next().await {
            Ok(more) if more.is_empty() || letters.len() >= limit => break Ok(()),
            Ok(more) => letters.extend(more),
            Err(error) => break Err(error),
        }
    };
    browser.give_back().await?;
    outcome?;
    letters.truncate(limit);
    Ok(letters)
}

/// The order that a dead letter is about, if its body tells.
fn order_id(letter: &DeadLetter) -> Option<String> {
    let event: Value = serde_json::from_str(&letter.body).ok()?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    text(&event["subject"]).or_else(|| text(&event["data"]["orderId"]))
}

/// The event's type, if the body tells.
fn event_type(letter: &DeadLetter) -> Option<String> {
    let event: Value = serde_json::from_str(&letter.body).ok()?;
    event["type"].as_str().map(str::to_owned)
}

fn age_seconds(letter: &DeadLetter) -> i64 {
    ((jiff::Timestamp::now().as_millisecond() - letter.sent_at) / 1000).max(0)
}
