//! `… outbox`: what SQS has refused, for the person who decides what becomes of it.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use database::{Database, DatabaseUrl, WriteError};
use outbox::{Outbox, SetAside};
use serde_json::{Value, json};
use sqlx::migrate::Migrator;

use crate::output::{Output, print_json};
use crate::printable::escaped;
use crate::table;

/// Look at the messages that SQS has refused, send them again, or drop them.
#[derive(Args)]
pub struct OutboxArguments {
    #[command(subcommand)]
    command: OutboxCommand,
    /// What to print.
    #[arg(long, value_enum, default_value = "text", global = true)]
    output: Output,
}

#[derive(Subcommand)]
enum OutboxCommand {
    /// One line per message that was set aside because SQS refused it; as JSON also with its body.
    List {
        /// At most so many, the oldest first.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
    },
    /// Send messages again that were set aside.
    Retry(Which),
    /// Delete messages that were set aside, for good: nobody will be told of what they say.
    Drop {
        /// This message, by its id as list shows it; may be repeated.
        #[arg(long, required = true)]
        id: Vec<String>,
    },
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// Only this message, by its id as list shows it; may be repeated.
    #[arg(long)]
    id: Vec<String>,
    /// All of them.
    #[arg(long)]
    all: bool,
}

/// Runs the command on the outbox in a service's database; a failure if what it was about is not there.
pub async fn run(
    arguments: OutboxArguments,
    database_url: &DatabaseUrl,
    migrations: &Migrator,
) -> anyhow::Result<ExitCode> {
    let database = Database::open(database_url, migrations).await?;
    let found = run_on(arguments, &Outbox::new(database.clone(), usize::MAX)).await;
    database.close().await;
    Ok(if found? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// False if what it was about is not there.
async fn run_on(arguments: OutboxArguments, outbox: &Outbox) -> Result<bool, WriteError> {
    let output = arguments.output;
    match arguments.command {
        OutboxCommand::List { limit } => {
            list(&outbox.set_aside(limit as usize).await?, output);
            Ok(true)
        }
        OutboxCommand::Retry(Which { all: true, .. }) => {
            let retried = outbox.retry_all().await?;
            output.say(&format!("{retried} to be sent again"), &json!({ "retried": retried }));
            Ok(true)
        }
        OutboxCommand::Retry(Which { id, .. }) => {
            let retried = outbox.retry(&id).await?;
            output.say(&format!("{} to be sent again", retried.len()), &json!({ "retried": retried.len() }));
            Ok(some_of(&id, &retried))
        }
        OutboxCommand::Drop { id } => {
            let dropped = outbox.discard(&id).await?;
            output.say(&format!("{} dropped", dropped.len()), &json!({ "dropped": dropped.len() }));
            Ok(some_of(&id, &dropped))
        }
    }
}

fn list(rows: &[SetAside], output: Output) {
    match output {
        Output::Json => print_json(&Value::Array(rows.iter().map(whole).collect())),
        Output::Text if rows.is_empty() => println!("nothing is set aside"),
        Output::Text => {
            let rows: Vec<_> = rows.iter().map(line).collect();
            table::print(["ID", "ATTEMPTS", "ORDER", "TYPE", "REASON"], &rows);
        }
    }
}

fn whole(row: &SetAside) -> Value {
    json!({
        "id": row.id,
        "attempts": row.attempts,
        "orderId": row.subject,
        "type": event_type(row),
        "reason": row.reason,
        "body": row.body,
    })
}

fn line(row: &SetAside) -> [String; 5] {
    let event_type = event_type(row).unwrap_or_else(|| "-".to_owned());
    [&row.id, &row.attempts.to_string(), &row.subject, &event_type, &row.reason].map(|cell| escaped(cell))
}

/// The event's type, if the body tells.
fn event_type(row: &SetAside) -> Option<String> {
    let event: Value = serde_json::from_str(&row.body).ok()?;
    event["type"].as_str().map(str::to_owned)
}

/// Names those that were not set aside; false if that goes for all of them.
fn some_of(asked: &[String], found: &[String]) -> bool {
    for id in asked.iter().filter(|id| !found.contains(id)) {
        eprintln!("no message {} is set aside", escaped(id));
    }
    !found.is_empty()
}
