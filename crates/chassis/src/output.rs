//! What a command prints: text for people, or JSON for programs.

use clap::ValueEnum;
use serde_json::Value;

use crate::printable::escaped_json;

/// For whom a command prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

impl Output {
    /// Prints the one or the other.
    pub fn say(self, text: &str, json: &Value) {
        match self {
            Self::Text => println!("{text}"),
            Self::Json => print_json(json),
        }
    }
}

/// The same value to whoever parses it, and nothing in it steers a terminal.
pub fn print_json(json: &Value) {
    println!("{}", escaped_json(&json.to_string()));
}
