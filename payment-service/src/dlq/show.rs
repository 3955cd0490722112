//! `dlq show ID`

use messaging::Queue;
use messaging::dead_letter::{Browser, DeadLetter, HOLD, THOROUGH};
use serde_json::{Value, json};

use super::list::summary;
use super::{Output, age_seconds, order_id};

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
            println!("{whole}");
        }
        Output::Text => print(&letter),
    }
    Ok(true)
}

fn print(letter: &DeadLetter) {
    println!("id        {}", letter.message_id);
    println!("order     {}", order_id(letter).unwrap_or_else(|| "-".to_owned()));
    println!("age       {} s", age_seconds(letter));
    println!("failure   {}", letter.kind());
    println!("reason    {}", letter.reason());
    println!("attributes");
    for (name, value) in &letter.attributes {
        println!("  {name}: {value}");
    }
    println!("body");
    match body(letter) {
        // Escaped, so that it cannot steer the terminal.
        Value::String(text) => println!("  {}", text.escape_debug()),
        json => println!("{json:#}"),
    }
}

/// The body as JSON if it is, else as text.
fn body(letter: &DeadLetter) -> Value {
    serde_json::from_str(&letter.body).unwrap_or_else(|_| Value::String(letter.body.clone()))
}
