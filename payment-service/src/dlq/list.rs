//! `dlq list`

use chassis::output::{Output, print_json};
use chassis::printable::escaped;
use chassis::table;
use serde_json::{Value, json};
use sqs::Queue;
use sqs::dead_letter::DeadLetter;

use super::{age_seconds, event_type, order_id, read};

const HEADINGS: [&str; 7] = ["ID", "AGE", "RECEIVES", "ORDER", "TYPE", "FAILURE", "REASON"];
/// So that a line stays one.
const MAX_CELL: usize = 120;

pub(super) async fn run(dead_letters: Queue, limit: usize, output: Output) -> anyhow::Result<()> {
    let letters = read(dead_letters, limit).await?;
    match output {
        Output::Json => print_json(&Value::Array(letters.iter().map(summary).collect())),
        Output::Text if letters.is_empty() => println!("no dead letters"),
        Output::Text => table::print(HEADINGS, &letters.iter().map(row).collect::<Vec<_>>()),
    }
    Ok(())
}

pub(super) fn summary(letter: &DeadLetter) -> Value {
    json!({
        "id": letter.message_id,
        "ageSeconds": age_seconds(letter),
        "receives": letter.receive_count(),
        "orderId": order_id(letter),
        "type": event_type(letter),
        "failure": letter.kind(),
        "reason": letter.reason(),
    })
}

fn row(letter: &DeadLetter) -> [String; 7] {
    let or_dash = |value: Option<String>| value.map_or("-".to_owned(), |value| printable(&value));
    [
        printable(&letter.message_id),
        age(age_seconds(letter)),
        or_dash(letter.receive_count().map(|count| count.to_string())),
        or_dash(order_id(letter)),
        or_dash(event_type(letter)),
        printable(letter.kind()),
        printable(letter.reason()),
    ]
}

fn age(seconds: i64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// What came from a message must not steer the terminal.
fn printable(text: &str) -> String {
    escaped(&text.chars().take(MAX_CELL).collect::<String>())
}
