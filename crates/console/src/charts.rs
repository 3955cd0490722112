//! Five minutes, a point every two seconds.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio::time::Instant;

use crate::metrics::{Count, Duration as Timed, Reading};
use crate::price::Price;

/// Between two points.
pub(crate) const STEP: Duration = Duration::from_secs(2);
const POINTS: usize = 150;
/// What an order costs is over so many points: of two seconds in which one order ends, it says nothing.
const COST_POINTS: usize = 5;

type Series = VecDeque<Option<f64>>;

/// The series, oldest point first.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Charts {
    /// In seconds.
    step: u64,
    /// Of the last point.
    end: Timestamp,
    placed_per_second: Series,
    settled_per_second: Series,
    #[serde(rename = "dwellP50")]
    dwell_p50: Series,
    #[serde(rename = "dwellP99")]
    dwell_p99: Series,
    requests_per_order: Series,
    dollars_per_order: Series,
    #[serde(skip)]
    begun: Instant,
    /// So many have passed since.
    #[serde(skip)]
    steps: u64,
    /// Where the next point begins.
    #[serde(skip)]
    last: Option<(Instant, Reading)>,
    /// Requests and orders that ended, of the last points.
    #[serde(skip)]
    costs: VecDeque<[f64; 2]>,
}

impl Charts {
    pub(crate) fn new() -> Self {
        let empty = || VecDeque::from([None; POINTS]);
        Self {
            step: STEP.as_secs(),
            end: Timestamp::now(),
            placed_per_second: empty(),
            settled_per_second: empty(),
            dwell_p50: empty(),
            dwell_p99: empty(),
            requests_per_order: empty(),
            dollars_per_order: empty(),
            begun: Instant::now(),
            steps: 0,
            last: None,
            costs: VecDeque::new(),
        }
    }

    /// What comes is not compared with what was: there is a gap between.
    pub(crate) fn begin_anew(&mut self) {
        self.last = None;
        self.costs.clear();
    }

    /// Adds a point if it is time for one, or several where that time has been missed; `measured`: whether somebody
    /// answers who counts that.
    pub(crate) fn add(&mut self, now: Instant, reading: &Reading, measured: impl Fn(Count) -> bool, price: Price) {
        let steps = now.duration_since(self.begun).as_secs() / STEP.as_secs();
        let due = steps - self.steps;
        if due == 0 && self.last.is_some() {
            return;
        }
        let (at, last) = self.last.replace((now, reading.clone())).unwrap_or_else(|| (now, reading.clone()));
        self.steps = steps;
        let (seconds, between) = (now.duration_since(at).as_secs_f64(), reading.since(&last));
        let measured = |count| seconds > 0.0 && measured(count);
        let rate = |count| measured(count).then(|| between.count(count) / seconds);
        let dwell = |share| between.duration(Timed::InOrders).quantile(share);
        if measured(Count::Requests) && measured(Count::Ended) {
            self.costs.push_back([between.count(Count::Requests), between.count(Count::Ended)]);
            if self.costs.len() > COST_POINTS {
                self.costs.pop_front();
            }
        } else {
            self.costs.clear();
        }
        let [requests, ended] = [0, 1].map(|index| self.costs.iter().map(|cost| cost[index]).sum::<f64>());
        let per_order = (ended > 0.0).then(|| requests / ended);
        let dollars = per_order.map(|per_order| price.per_million_orders(per_order) / 1e6);
        let points = [
            (&mut self.placed_per_second, rate(Count::Placed)),
            (&mut self.settled_per_second, rate(Count::Ended)),
            (&mut self.dwell_p50, dwell(0.5)),
            (&mut self.dwell_p99, dwell(0.99)),
            (&mut self.requests_per_order, per_order),
            (&mut self.dollars_per_order, dollars),
        ];
        for (series, point) in points {
            for _ in 0..due.min(POINTS as u64) {
                series.pop_front();
                series.push_back(point.map(rounded));
            }
        }
        self.end = Timestamp::now();
    }
}

/// To four digits that count: nobody sees more, and every state carries them all.
pub(crate) fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    format!("{value:.3e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Names, Totals};

    #[test]
    fn a_point_is_what_happened_in_its_two_seconds_and_none_where_nobody_measured() {
        let names = Names { orders: "o".into(), payments: "p".into() };
        let price: Price = "0.40".parse().unwrap();
        let mut totals = Totals::default();
        let text = |orders: u32| {
            format!(
                "orders_total{{status=\"PENDING\"}} {orders}\norder_completion_seconds_count {orders}\n\
                 sqs_requests_total{{queue=\"o\"}} {}",
                orders * 3
            )
        };
        let sample = totals.add(&text(0), None);
        let mut charts = Charts::new();
        let (begin, all) = (charts.begun, |_| true);
        charts.add(begin, &Reading::of(&totals, &names), all, price);
        let sample = totals.add(&text(10), Some(&sample));
        charts.add(begin + STEP / 2, &Reading::of(&totals, &names), all, price);
        assert_eq!(charts.placed_per_second.back(), Some(&None), "too early");
        charts.add(begin + STEP, &Reading::of(&totals, &names), all, price);
        assert_eq!(charts.placed_per_second.back(), Some(&Some(5.0)));
        assert_eq!(charts.requests_per_order.back(), Some(&Some(3.0)));
        assert_eq!(charts.dollars_per_order.back(), Some(&Some(1.2e-6)));
        charts.add(begin + STEP * 2, &Reading::of(&totals, &names), all, price);
        assert_eq!(charts.placed_per_second.back(), Some(&Some(0.0)));
        assert_eq!(charts.requests_per_order.back(), Some(&Some(3.0)), "of the last ten seconds");
        charts.add(begin + STEP * 3, &Reading::of(&totals, &names), |count| count != Count::Placed, price);
        assert_eq!(charts.placed_per_second.back(), Some(&None));
        assert_eq!(charts.settled_per_second.back(), Some(&Some(0.0)), "others are still measured");

        totals.add(&text(30), Some(&sample));
        charts.add(begin + STEP * 5, &Reading::of(&totals, &names), all, price);
        let latest = |charts: &Charts| charts.placed_per_second.iter().rev().take(2).copied().collect::<Vec<_>>();
        assert_eq!(latest(&charts), [Some(5.0); 2], "a missed time is no gap: it is known how many there were");
        charts.begin_anew();
        charts.add(begin + STEP * 7, &Reading::of(&totals, &names), all, price);
        assert_eq!(latest(&charts), [None; 2]);
        assert_eq!(charts.requests_per_order.back(), Some(&None), "nothing to divide by");
        assert_eq!(charts.placed_per_second.len(), POINTS);
    }
}
