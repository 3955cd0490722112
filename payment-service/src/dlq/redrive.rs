//! `dlq redrive`

use std::io::{IsTerminal, Write};

use chassis::output::Output;
use clap::Args;
use serde_json::json;
use sqs::Queue;
use sqs::dead_letter::{DeadLetter, Redrive, SOURCE_MESSAGE_ID};

/// Which dead letters to send back, and how fast.
#[derive(Args)]
pub(super) struct Selection {
    #[command(flatten)]
    which: Which,
    /// At most so many per second.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=500))]
    rate: Option<u32>,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// Only this message, by its id here or in its source queue; may be repeated.
    #[arg(long)]
    id: Vec<String>,
    /// Only those with this failure type, or with this text in their reason.
    #[arg(long)]
    reason: Option<String>,
    /// All of them.
    #[arg(long)]
    all: bool,
}

impl Which {
    fn wants(&self, letter: &DeadLetter) -> bool {
        let source_id = letter.attributes.get(SOURCE_MESSAGE_ID);
        self.id.iter().any(|id| *id == letter.message_id || Some(id) == source_id)
            || self.reason.as_ref().is_some_and(|reason| letter.kind() == reason || letter.reason().contains(reason))
    }
}

pub(super) async fn run(
    selection: Selection,
    dead_letters: Queue,
    source: Queue,
    output: Output,
) -> anyhow::Result<bool> {
    let name = source.name().to_owned();
    let redrive = Redrive::new(dead_letters, source).at_most(selection.rate);
    let progress = |moved: u64| {
        if std::io::stderr().is_terminal() {
            eprint!("\r{moved} sent back …");
            // Progress that cannot be shown does not stop the work.
            let _ = std::io::stderr().flush();
        }
    };
    let which = selection.which;
    let moved = if which.all {
        redrive.all(progress).await?
    } else {
        redrive.some(|letter| which.wants(letter), progress).await?
    };
    if std::io::stderr().is_terminal() && moved > 0 {
        eprintln!();
    }
    output.say(&format!("{moved} sent back to {name}"), &json!({ "redriven": moved, "queue": name }));
    Ok(which.all || moved > 0)
}
