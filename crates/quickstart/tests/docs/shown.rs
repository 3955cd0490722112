//! Whether what a page shows is what there was to see. `…` stands for anything, alone on a line for any number of lines.

/// Whether `seen`, as a whole, is what `shown` says.
pub(crate) fn is_all(shown: &str, seen: &str) -> bool {
    fn from(shown: &[&str], seen: &[&str]) -> bool {
        match (shown, seen) {
            ([], []) => true,
            (["…", rest @ ..], _) => (0..=seen.len()).any(|skipped| from(rest, &seen[skipped..])),
            ([line, rest @ ..], [first, more @ ..]) => is_line(line, first) && from(rest, more),
            _ => false,
        }
    }
    from(&lines(shown), &lines(seen))
}

/// The first line of `shown` that `log` does not have, after those before it.
pub(crate) fn missing_in_log<'a>(shown: &'a str, log: &str) -> Option<&'a str> {
    let mut seen = log.lines().map(without_time);
    lines(shown).into_iter().find(|line| !seen.any(|seen| is_line(line, seen)))
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect()
}

fn without_time(line: &str) -> &str {
    let time = line.split_whitespace().next().filter(|first| first.starts_with(|c: char| c.is_ascii_digit()));
    time.map_or(line, |time| line[time.len()..].trim_start())
}

fn is_line(shown: &str, seen: &str) -> bool {
    let mut parts = shown.split('…');
    let Some(mut rest) = parts.next().and_then(|begin| seen.strip_prefix(begin)) else { return false };
    let mut end = None;
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
        end = Some(part);
    }
    // The last part may occur more than once, and stands at the end.
    rest.is_empty() || end.is_some_and(|end| end.is_empty() || rest.ends_with(end))
}

#[test]
fn what_is_left_out_may_be_anything_and_all_else_is_as_it_stands() {
    assert!(is_all("a … c\n", "a b c\n"));
    assert!(is_all("…\nb\n", "a\na\nb\n"));
    assert!(is_all("{\"id\":\"…\",\"status\":\"PAID\"}", "{\"id\":\"7\",\"status\":\"PAID\"}\n\n"));
    assert!(!is_all("a … c\n", "a b d\n"));
    assert!(!is_all("a\n", "a\nb\n"));
    assert!(!is_all("a 1", "a 10"));
    assert!(!is_all("a … 1", "a b 10"));
    assert_eq!(
        missing_in_log("INFO a\nINFO b …\n", "2026-11-24T15:55:19Z  INFO a\nx\n2026-11-24T15:55:20Z  INFO b c\n"),
        None
    );
    assert_eq!(missing_in_log("INFO b\nINFO a", "INFO a\nINFO b\n"), Some("INFO a"));
}
