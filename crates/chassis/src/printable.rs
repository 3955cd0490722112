//! What others have written, made fit for a terminal.
//!
//! A message or a row can hold anything: characters that move the cursor, that end a line, or that turn the direction of
//! the text after them, so that something else is read than is there. They are shown as escapes instead.

/// `text` with each control or direction character as `\u{…}`.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if steers(c) { escaped.extend(c.escape_unicode()) } else { escaped.push(c) }
    }
    escaped
}

/// The JSON text `json` with each such character as JSON's own escape: who parses it gets the same value. The line breaks
/// of indented JSON stay, those inside its strings are escapes already.
pub fn escaped_json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        // All of them have four digits or fewer.
        if steers(c) && c != '\n' { escaped += &format!("\\u{:04x}", u32::from(c)) } else { escaped.push(c) }
    }
    escaped
}

/// Control characters (C0, DEL, C1), Unicode's line and paragraph separators, and its direction marks, embeddings,
/// overrides and isolates (Unicode Standard Annex #9).
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{61c}' | '\u{200e}' | '\u{200f}')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn nothing_that_steers_a_terminal_or_turns_the_text_is_left() {
        assert_eq!(escaped("\u{1b}[2J\r\nEND"), r"\u{1b}[2J\u{d}\u{a}END");
        assert_eq!(escaped("\u{7f}\u{9b}1A"), r"\u{7f}\u{9b}1A");
        assert_eq!(escaped("to\u{202e}resu\u{2066}x\u{2069}"), r"to\u{202e}resu\u{2066}x\u{2069}");
        assert_eq!(escaped("\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}"), r"\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}");
    }

    #[test]
    fn what_people_write_stays_as_it_is() {
        let text = r#"Zürich, naïve: "東京" שלום مرحبا 👩‍🚀 \u{1b}"#;
        assert_eq!(escaped(text), text);
    }

    #[test]
    fn escaped_json_is_the_same_value_and_steers_nothing() {
        let value = json!({ "reason": "\u{1b}[2J\n\u{7f}\u{9b}\u{202e}\u{2029}", "body": "東京" });
        for text in [value.to_string(), format!("{value:#}")] {
            let escaped = escaped_json(&text);
            assert_eq!(serde_json::from_str::<Value>(&escaped).unwrap(), value);
            assert!(escaped.chars().all(|c| c == '\n' || !steers(c)), "{escaped}");
        }
    }
}
