//! Numbers for people.

use crate::figures::Summary;

/// Three significant digits, or whole with separators: `0.08`, `12.3`, `9,050`.
pub(crate) fn number(value: f64) -> String {
    let digits = match value.abs() {
        0.0 => return "0".to_owned(),
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    let (whole, fraction) =
        text.split_once('.').map_or((text.as_str(), None), |(whole, fraction)| (whole, Some(fraction)));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    match fraction {
        Some(fraction) => format!("{grouped}.{fraction}"),
        None => grouped,
    }
}

/// The median, and the spread where there were several rounds; a dash where nothing was measured.
pub(crate) fn cell(summary: Option<Summary>) -> String {
    match summary {
        None => "–".to_owned(),
        Some(Summary { median, least, most }) if least == most => number(median),
        Some(Summary { median, least, most }) => format!("{} ({}–{})", number(median), number(least), number(most)),
    }
}

/// A Markdown table.
pub(crate) fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut table = line(head.iter().map(|cell| (*cell).to_owned()).collect());
    table += &format!("|---{}|\n", "|--:".repeat(head.len() - 1));
    rows.into_iter().for_each(|row| table += &line(row));
    table
}
