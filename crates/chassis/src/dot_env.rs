//! The file `.env`: what in it cannot be read is told by line and name, never by what stands there.

use std::path::{Path, PathBuf};

use crate::Faults;

const FILE: &str = ".env";

/// Adds the variables of a `.env` in the working directory or above to the process's own, which go before it.
pub(crate) fn load() -> Result<(), Faults> {
    let Some(path) = find() else { return Ok(()) };
    read(&std::fs::read_to_string(&path).map_err(unreadable)?)?;
    dotenvy::from_path(&path).map_err(|_| unreadable("it has changed meanwhile"))
}

fn find() -> Option<PathBuf> {
    let directory = std::env::current_dir().ok()?;
    directory.ancestors().map(|directory| directory.join(FILE)).find(|path: &PathBuf| Path::is_file(path))
}

fn unreadable(why: impl std::fmt::Display) -> Faults {
    Faults(vec![format!("{FILE}: cannot be read: {why}")])
}

/// The variables, or every line that cannot be read.
pub(crate) fn read(text: &str) -> Result<Vec<(String, String)>, Faults> {
    let text = text.trim_start_matches('\u{feff}');
    let substituting: Vec<_> = text.lines().enumerate().filter(|(_, line)| is_substituting(line)).collect();
    if !substituting.is_empty() {
        return Err(Faults(substituting.into_iter().map(|(index, line)| fault(index + 1, line)).collect()));
    }
    parse(text).map_err(|_| Faults(faults(&text.lines().collect::<Vec<_>>())))
}

/// The parser's error shows what it could not read, and not where that is.
fn parse(text: &str) -> Result<Vec<(String, String)>, dotenvy::Error> {
    dotenvy::from_read_iter(text.as_bytes()).collect()
}

/// The parser takes a `$` outside of single quotes for a variable's name, and nothing for one that is not set: a
/// password with a `$` would be another one.
fn is_substituting(line: &str) -> bool {
    let Some((_, value)) = line.split_once('=').filter(|_| !line.trim_start().starts_with('#')) else { return false };
    let (mut in_quotes, mut before) = (false, ' ');
    for character in value.trim_start().chars() {
        match character {
            '\'' => in_quotes = !in_quotes,
            '#' if !in_quotes && before.is_whitespace() => return false,
            '$' if !in_quotes && before != '\\' => return true,
            _ => {}
        }
        before = character;
    }
    false
}

fn faults(lines: &[&str]) -> Vec<String> {
    let (mut faults, mut begin) = (Vec::new(), 0);
    while begin < lines.len() {
        // A value in quotes may go on for some lines.
        let ends = (begin + 1..=lines.len()).find(|end| parse(&lines[begin..*end].join("\n")).is_ok());
        if ends.is_none() {
            faults.push(fault(begin + 1, lines[begin]));
        }
        begin = ends.unwrap_or(begin + 1);
    }
    faults
}

fn fault(number: usize, line: &str) -> String {
    let name = line.split('=').next().unwrap_or_default().trim().trim_start_matches("export ").trim();
    // Any other may be the rest of a value that was broken into lines.
    let is_name = line.contains('=')
        && name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    if is_name {
        format!(
            "{FILE} line {number}, {name}: a value with spaces, quotes, a backslash or a $ must stand in single quotes"
        )
    } else {
        format!("{FILE} line {number}: must be NAME=value, empty, or a comment after a #")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_cannot_be_read_is_told_by_its_number_and_name_without_its_value() {
        let text = "\u{feff}# a comment\nPORT=3001\n\nAUTH_JWT_SECRET=s3 cret\ns3cret\nexport OTHER=\"s3cret\nPORT=1";
        let faults = read(text).unwrap_err().to_string();
        let places: Vec<_> = faults.lines().map(|line| line.split(": ").next().unwrap()).collect();
        assert_eq!(places, [".env line 4, AUTH_JWT_SECRET", ".env line 5", ".env line 6, OTHER"], "{faults}");
        assert!(!faults.contains("s3"), "{faults}");
    }

    #[test]
    fn the_same_fault_twice_is_told_at_both_places() {
        let faults = read("A=b c\nB=1\nA=b c\n").unwrap_err().to_string();
        assert!(faults.contains("line 1, A:") && faults.contains("line 3, A:"), "{faults}");
    }

    #[test]
    fn a_dollar_sign_is_never_taken_for_a_variable() {
        let faults = read("PASSWORD=ab$cd\nOTHER=\"ab${PASSWORD}\"\n# COST=1$\nB=2 # at 1$").unwrap_err().to_string();
        let places: Vec<_> = faults.lines().map(|line| line.split(": ").next().unwrap()).collect();
        assert_eq!(places, [".env line 1, PASSWORD", ".env line 2, OTHER"], "{faults}");
        assert!(!faults.contains("cd"), "{faults}");
        let variables = read("PASSWORD='ab$cd'").unwrap();
        assert_eq!(variables, [("PASSWORD".to_owned(), "ab$cd".to_owned())]);
    }

    #[test]
    fn what_can_be_read_is_read() {
        let variables = read("A=1\nB='2 3' # and a comment\nC=\n").unwrap();
        let variables: Vec<_> = variables.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(variables, [("A", "1"), ("B", "2 3"), ("C", "")]);
    }
}
