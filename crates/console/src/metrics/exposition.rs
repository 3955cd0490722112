//! The text that Prometheus reads, as far as these services write it: a sample per line, no timestamps.

/// One line: a series and its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line<'a> {
    /// The series as it stands there, which is always the same for the same series of an instance.
    pub(super) series: &'a str,
    pub(super) value: f64,
}

/// Every sample in `text`.
pub(super) fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        Some(Line { series, value: value.parse().ok()? })
    })
}

/// A series' name and labels. No value of a label that the console reads has an escaped character in it.
pub(super) fn parts(series: &str) -> (String, Vec<(String, String)>) {
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    let mut rest = labels.strip_suffix('}').unwrap_or(labels);
    let mut found = Vec::new();
    while let Some((label, value)) = rest.split_once("=\"") {
        let Some((value, after)) = value.split_once('"') else { break };
        found.push((label.trim_start_matches(',').to_owned(), value.to_owned()));
        rest = after;
    }
    (name.to_owned(), found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_a_series_with_its_labels_and_a_value() {
        let text = "# HELP orders Orders.\n# TYPE orders counter\norders_total{status=\"PAID\",queue=\"a b\"} 7\nup 1.5\n# EOF";
        let read: Vec<_> = lines(text).map(|line| (parts(line.series), line.value)).collect();
        let labels = vec![("status".into(), "PAID".into()), ("queue".into(), "a b".into())];
        assert_eq!(read, [(("orders_total".into(), labels), 7.0), (("up".into(), vec![]), 1.5)]);
    }
}
