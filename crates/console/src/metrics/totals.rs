//! The counters of all instances as one: what any of them has counted since the console first saw it.
//!
//! An instance that starts again counts from 0 again, and one that is gone keeps what it had added: totals only grow.

use std::collections::HashMap;

use super::exposition::{lines, parts};

/// One series, of all instances together.
#[derive(Debug)]
struct Series {
    name: String,
    labels: Vec<(String, String)>,
    total: f64,
}

/// What one instance said last, by series.
pub(crate) type Sample = HashMap<usize, f64>;

/// The series by their text, and their totals.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    series: Vec<Series>,
    index: HashMap<String, usize>,
}

impl Totals {
    /// Reads what an instance says now and adds what is new in it; `before` is what it said the last time, if it has been
    /// seen before: what it had counted by then is not new.
    pub(crate) fn add(&mut self, text: &str, before: Option<&Sample>) -> Sample {
        let now: Sample = lines(text).map(|line| (self.find(line.series), line.value)).collect();
        if let Some(before) = before {
            let counted = |series: &Series| series.name.ends_with("_total") || series.name.ends_with("_count");
            let fell = |(index, value): (&usize, &f64)| {
                counted(&self.series[*index]) && before.get(index).is_some_and(|before| value < before)
            };
            let started_again = now.iter().any(fell);
            for (index, value) in &now {
                let before = if started_again { 0.0 } else { before.get(index).copied().unwrap_or(0.0) };
                self.series[*index].total += (value - before).max(0.0);
            }
        }
        now
    }

    fn find(&mut self, series: &str) -> usize {
        if let Some(index) = self.index.get(series) {
            return *index;
        }
        let (name, labels) = parts(series);
        self.series.push(Series { name, labels, total: 0.0 });
        self.index.insert(series.to_owned(), self.series.len() - 1);
        self.series.len() - 1
    }

    /// The sum of all series of that name that have all of these labels.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.matching(name, labels).map(|(_, series)| series.total).sum()
    }

    /// The totals of a histogram's buckets by their upper bound, in no order.
    pub(crate) fn buckets(&self, name: &str, labels: &[(&str, &str)]) -> impl Iterator<Item = (f64, f64)> {
        self.matching(name, labels).filter_map(|(_, series)| {
            let bound = series.labels.iter().find(|(label, _)| label == "le")?;
            Some((bound.1.parse().ok()?, series.total))
        })
    }

    /// What an instance's gauge said last, of all its series of that name that have all of these labels.
    pub(crate) fn gauge<'a>(
        &'a self,
        sample: &'a Sample,
        name: &'a str,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = f64> {
        self.matching(name, labels).filter_map(|(index, _)| sample.get(&index).copied())
    }

    fn matching(&self, name: &str, labels: &[(&str, &str)]) -> impl Iterator<Item = (usize, &Series)> {
        let has = |series: &Series| {
            labels.iter().all(|(label, value)| series.labels.iter().any(|(l, v)| l == label && v == value))
        };
        self.series.iter().enumerate().filter(move |(_, series)| series.name == name && has(series))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_before_the_console_came_is_not_new_and_a_start_begins_at_zero_again() {
        let mut totals = Totals::default();
        let first = totals.add("orders_total 100\nrefunds_total 1", None);
        assert_eq!(totals.sum("orders_total", &[]), 0.0);
        let second = totals.add("orders_total 103\nrefunds_total 1", Some(&first));
        assert_eq!(totals.sum("orders_total", &[]), 3.0);
        // It has more orders than before already, and fewer refunds: it has started again.
        totals.add("orders_total 104\nrefunds_total 0", Some(&second));
        assert_eq!(totals.sum("orders_total", &[]), 107.0);
    }

    #[test]
    fn instances_add_up() {
        let mut totals = Totals::default();
        let one = totals.add("sent_total{queue=\"a\"} 1\nsent_total{queue=\"b\"} 5", None);
        let two = totals.add("sent_total{queue=\"a\"} 9", None);
        totals.add("sent_total{queue=\"a\"} 2\nsent_total{queue=\"b\"} 6", Some(&one));
        totals.add("sent_total{queue=\"a\"} 11", Some(&two));
        assert_eq!(totals.sum("sent_total", &[("queue", "a")]), 3.0);
        assert_eq!(totals.sum("sent_total", &[]), 4.0);
    }
}
