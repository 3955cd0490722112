//! The figures that the console shows, as they were at one moment. The difference of two is what happened between them.

use super::instances::Service;
use super::totals::{Sample, Totals};

/// What the queues are called.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub(crate) orders: String,
    pub(crate) payments: String,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    /// Requests to place an order, whatever was answered.
    Posts,
    Placed,
    Cancelling,
    /// Orders that have come to an end.
    Ended,
    SentToOrders,
    SentToPayments,
    ReceivedFromOrders,
    ReceivedFromPayments,
    DoneOfOrders,
    DoneOfPayments,
    RetriedOfOrders,
    DeadOfOrders,
    DeadOfPayments,
    /// The provider was asked and said something.
    ProviderAnswered,
    /// It was asked and did not answer.
    ProviderAway,
    /// To SQS, by both services.
    Requests,
}

const COUNTS: [Count; 16] = [
    Count::Posts,
    Count::Placed,
    Count::Cancelling,
    Count::Ended,
    Count::SentToOrders,
    Count::SentToPayments,
    Count::ReceivedFromOrders,
    Count::ReceivedFromPayments,
    Count::DoneOfOrders,
    Count::DoneOfPayments,
    Count::RetriedOfOrders,
    Count::DeadOfOrders,
    Count::DeadOfPayments,
    Count::ProviderAnswered,
    Count::ProviderAway,
    Count::Requests,
];

impl Count {
    fn of(self, totals: &Totals, names: &Names) -> f64 {
        let (orders, payments) = (names.orders.as_str(), names.payments.as_str());
        let status = |status| totals.sum("orders_total", &[("status", status)]);
        let sent = |queue| totals.sum("messaging_client_sent_messages_total", &[("messaging_destination_name", queue)]);
        let received =
            |queue| totals.sum("messaging_client_consumed_messages_total", &[("messaging_destination_name", queue)]);
        let settled = |queue, outcome| totals.sum("messages_settled_total", &[("queue", queue), ("outcome", outcome)]);
        let dead = |queue| settled(queue, "exhausted") + settled(queue, "dead-lettered");
        let asked = |outcome| {
            totals.sum("charges_total", &[("outcome", outcome)]) + totals.sum("refunds_total", &[("outcome", outcome)])
        };
        match self {
            Self::Posts => totals.sum("http_server_request_duration_seconds_count", &POST_ORDERS),
            Self::Placed => status("PENDING"),
            Self::Cancelling => status("CANCELLING"),
            Self::Ended => totals.sum("order_completion_seconds_count", &[]),
            Self::SentToOrders => sent(orders),
            Self::SentToPayments => sent(payments),
            Self::ReceivedFromOrders => received(orders),
            Self::ReceivedFromPayments => received(payments),
            Self::DoneOfOrders => settled(orders, "done"),
            Self::DoneOfPayments => settled(payments, "done"),
            Self::RetriedOfOrders => settled(orders, "retry"),
            Self::DeadOfOrders => dead(orders),
            Self::DeadOfPayments => dead(payments),
            Self::ProviderAnswered => {
                ["succeeded", "declined", "refunded", "voided", "failed", "refused"].map(asked).iter().sum()
            }
            Self::ProviderAway => asked("away"),
            Self::Requests => totals.sum("sqs_requests_total", &[]),
        }
    }

    /// Whose figure it is: while they do not answer, it is not known.
    pub(crate) fn counted_by(self) -> &'static [Service] {
        match self {
            Self::Posts
            | Self::Placed
            | Self::Cancelling
            | Self::Ended
            | Self::SentToOrders
            | Self::ReceivedFromPayments
            | Self::DoneOfPayments
            | Self::DeadOfPayments => &[Service::Orders],
            Self::SentToPayments
            | Self::ReceivedFromOrders
            | Self::DoneOfOrders
            | Self::RetriedOfOrders
            | Self::DeadOfOrders
            | Self::ProviderAnswered
            | Self::ProviderAway => &[Service::Payments],
            Self::Requests => &[Service::Orders, Service::Payments],
        }
    }
}

const POST_ORDERS: [(&str, &str); 2] = [("http_request_method", "POST"), ("http_route", "/orders")];

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Duration {
    Post,
    Completion,
    InOrders,
    InPayments,
    Charging,
    Settling,
}

const DURATIONS: [Duration; 6] = [
    Duration::Post,
    Duration::Completion,
    Duration::InOrders,
    Duration::InPayments,
    Duration::Charging,
    Duration::Settling,
];

impl Duration {
    fn of(self, totals: &Totals, names: &Names) -> Buckets {
        let queue = |name| [("queue", name)];
        let destination = |name| [("messaging_destination_name", name)];
        let (orders, payments) = (names.orders.as_str(), names.payments.as_str());
        match self {
            Self::Post => Buckets::of(totals, "http_server_request_duration_seconds_bucket", &POST_ORDERS),
            Self::Completion => Buckets::of(totals, "order_completion_seconds_bucket", &[]),
            Self::InOrders => Buckets::of(totals, "message_dwell_seconds_bucket", &queue(orders)),
            Self::InPayments => Buckets::of(totals, "message_dwell_seconds_bucket", &queue(payments)),
            Self::Charging => Buckets::of(totals, "messaging_process_duration_seconds_bucket", &destination(orders)),
            Self::Settling => Buckets::of(totals, "messaging_process_duration_seconds_bucket", &destination(payments)),
        }
    }
}

/// A histogram: how many were at most so long, by rising bounds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Buckets(Vec<(f64, f64)>);

impl Buckets {
    fn of(totals: &Totals, name: &str, labels: &[(&str, &str)]) -> Self {
        let mut buckets: Vec<(f64, f64)> = Vec::new();
        for (bound, count) in totals.buckets(name, labels) {
            match buckets.iter_mut().find(|(known, _)| *known == bound) {
                Some((_, sum)) => *sum += count,
                None => buckets.push((bound, count)),
            }
        }
        buckets.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        Self(buckets)
    }

    /// What has been added since `earlier`.
    fn since(&self, earlier: &Self) -> Self {
        let before = |bound: f64| earlier.0.iter().find(|(known, _)| *known == bound).map_or(0.0, |(_, count)| *count);
        Self(self.0.iter().map(|(bound, count)| (*bound, count - before(*bound))).collect())
    }

    /// The value below which this share of them was, in seconds, as Prometheus' `histogram_quantile` has it: evenly spread
    /// within a bucket, the highest finite bound where it is beyond. None: there were none.
    pub(crate) fn quantile(&self, share: f64) -> Option<f64> {
        let all = self.0.last().map(|(_, count)| *count).filter(|all| *all > 0.0)?;
        let rank = share * all;
        let (mut below, mut count_below) = (0.0, 0.0);
        for (bound, count) in &self.0 {
            if *count >= rank {
                let within = (rank - count_below) / (count - count_below).max(f64::MIN_POSITIVE);
                return Some(if bound.is_finite() { below + (bound - below) * within } else { below });
            }
            (below, count_below) = (*bound, *count);
        }
        None
    }
}

/// What only counts now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gauge {
    /// In all instances together.
    InFlight,
    /// In all instances together.
    Slots,
    /// Rows that all instances of a service see, so the most that one of them has counted.
    OutboxPending,
    /// The same.
    OutboxOldest,
    /// 1 if it is so in any of them.
    BreakerOpen,
}

impl Gauge {
    /// Over the instances that answer; none: none of them has it.
    pub(crate) fn of<'a>(
        self,
        totals: &'a Totals,
        samples: impl Iterator<Item = &'a Sample>,
        queue: &'a str,
    ) -> Option<f64> {
        let name = match self {
            Self::InFlight => "messages_in_flight",
            Self::Slots => "worker_slots",
            Self::OutboxPending => "outbox_pending",
            Self::OutboxOldest => "outbox_oldest_seconds",
            Self::BreakerOpen => "circuit_breaker_open",
        };
        let labels = [("queue", queue)];
        let values: Vec<f64> =
            samples.flat_map(|sample| totals.gauge(sample, name, &labels).collect::<Vec<_>>()).collect();
        match self {
            Self::InFlight | Self::Slots => (!values.is_empty()).then(|| values.iter().sum()),
            Self::OutboxPending | Self::OutboxOldest | Self::BreakerOpen => values.into_iter().reduce(f64::max),
        }
    }
}

/// All counters and histograms at one moment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reading {
    counts: [f64; COUNTS.len()],
    durations: [Buckets; DURATIONS.len()],
}

impl Reading {
    pub(crate) fn of(totals: &Totals, names: &Names) -> Self {
        Self {
            counts: COUNTS.map(|count| count.of(totals, names)),
            durations: DURATIONS.map(|duration| duration.of(totals, names)),
        }
    }

    /// What happened from `earlier` to this.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let counts = std::array::from_fn(|index| self.counts[index] - earlier.counts[index]);
        let durations = std::array::from_fn(|index| self.durations[index].since(&earlier.durations[index]));
        Self { counts, durations }
    }

    pub(crate) fn count(&self, count: Count) -> f64 {
        self.counts[count as usize]
    }

    pub(crate) fn duration(&self, duration: Duration) -> &Buckets {
        &self.durations[duration as usize]
    }

    /// Everything that moves messages, as one number: as long as it stays the same, nothing has moved.
    pub(crate) fn activity(&self) -> u64 {
        let idle = [Count::Requests];
        COUNTS.iter().filter(|count| !idle.contains(count)).map(|count| self.count(*count) as u64).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_count_has_its_own_place() {
        assert!(COUNTS.iter().enumerate().all(|(index, count)| *count as usize == index));
        assert!(DURATIONS.iter().enumerate().all(|(index, duration)| *duration as usize == index));
    }

    #[test]
    fn a_quantile_lies_within_its_bucket() {
        let buckets = Buckets(vec![(0.1, 2.0), (0.2, 4.0), (f64::INFINITY, 5.0)]);
        assert_eq!(buckets.quantile(0.2), Some(0.05));
        assert!((buckets.quantile(0.6).unwrap() - 0.15).abs() < 1e-9);
        assert_eq!(buckets.quantile(0.99), Some(0.2), "beyond the highest bound");
        assert_eq!(buckets.since(&buckets).quantile(0.5), None, "there were none");
    }

    #[test]
    fn what_is_read_is_what_the_services_write() {
        let names = Names { orders: "o".into(), payments: "p".into() };
        let text = |orders: u32| {
            format!(
                "orders_total{{status=\"PENDING\"}} {orders}\n\
                 messages_settled_total{{queue=\"o\",outcome=\"exhausted\"}} {orders}\n\
                 messages_settled_total{{queue=\"p\",outcome=\"exhausted\"}} 0\n\
                 message_dwell_seconds_bucket{{le=\"0.1\",queue=\"o\"}} {orders}\n\
                 message_dwell_seconds_bucket{{le=\"+Inf\",queue=\"o\"}} {orders}\n"
            )
        };
        let mut totals = Totals::default();
        let before = totals.add(&text(1), None);
        let earlier = Reading::of(&totals, &names);
        totals.add(&text(3), Some(&before));
        let between = Reading::of(&totals, &names).since(&earlier);
        assert_eq!(between.count(Count::Placed), 2.0);
        assert_eq!((between.count(Count::DeadOfOrders), between.count(Count::DeadOfPayments)), (2.0, 0.0));
        assert_eq!(between.duration(Duration::InOrders).quantile(1.0), Some(0.1));
        assert_eq!(between.duration(Duration::InPayments).quantile(1.0), None);
        assert_eq!(between.activity(), 4);
    }
}
