//! `dlq show ID`

use chassis::output::{Output, print_json};
use chassis::printable::{escaped, escaped_json};
use serde_json::{Value, json};
use sqs::Queue;
use sqs::dead_letter::{Browser, DeadLetter, HOLD, THOROUGH};

use super::list::summary;
use super::{age_seconds, order_id};

pub(super) async fn run(dead_letters: Queue, id: &str, output: Output) -> anyhow::Result<bool> {
    let mut browser = Browser::new(dead_letters.clone(), THOROUGH, HOLD);
    let found = loop {
        match browser.next().await {
            Ok(letters) if letters.is_empty() => break Ok(None),
            Ok(letters) => match letters.into_iter().find(|letter| letter.message_id == id) {
                Some(letter) => break Ok(Some(letter)),
                None => continue,
            },
            Err(error) => break Err(error),
        }
    };
    browser.give_back().await?;
    let Some(letter) = found? else {
        eprintln!("there is no message {id} in {}", dead_letters.name());
        return Ok(false);
    };
    match output {
        Output::Json => {
            let mut whole = summary(&letter);
            whole["attributes"] = json!(letter.attributes);
            whole["body"] = body(&letter);
            print_json(&whole);
        }
        Output::Text => print(&letter),
    }
    Ok(true)
}

fn print(letter: &DeadLetter) {
    // What came from a message must not steer the terminal.
    println!("id        {}", escaped(&letter.message_id));
    println!("order     {}", order_id(letter).map_or_else(|| "-".to_owned(), |order| escaped(&order)));
    println!("age       {} s", age_seconds(letter));
    println!("failure   {}", escaped(letter.kind()));
    println!("reason    {}", escaped(letter.reason()));
    println!("attributes");
    for (name, value) in &letter.attributes {
        println!("  {}: {}", escaped(name), escaped(value));
    }
    println!("body");
    match body(letter) {
        Value::String(text) => println!("  {}", escaped(&text)),
        json => println!("{}", escaped_json(&format!("{json:#}"))),
    }
}

/// The body as JSON if it is, else as text.
fn body(letter: &DeadLetter) -> Value {
    serde_json::from_str(&letter.body).unwrap_or_else(|_| Value::String(letter.body.clone()))
}
