//! The picture: each place of an order's way with what is there now, and what moves between them.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Serialize;
use sqs::queue::Depth;

use crate::charts::rounded;
use crate::metrics::{Count, Duration as Timed, Gauge, Instances, Names, Service, Totals};
use crate::queues::Seen;
use crate::recent::Recent;
use crate::state::Named;
use crate::status::{self, Provider, Said, Status, of_instance};

/// A place on an order's way.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Place {
    id: &'static str,
    kind: &'static str,
    label: String,
    status: Status,
    words: String,
    since: Timestamp,
    now: Option<f64>,
    detail: Vec<Named<f64>>,
    per_second: Option<f64>,
    dwell: Option<Dwell>,
    as_of: Option<Timestamp>,
    instances: Vec<ShownInstance>,
}

/// How long one stays, in seconds.
#[derive(Clone, Copy, Debug, Serialize)]
struct Dwell {
    p50: Option<f64>,
    p99: Option<f64>,
}

#[derive(Debug, Serialize)]
struct ShownInstance {
    url: String,
    status: Status,
    words: String,
    since: Timestamp,
}

/// What passes from one place to another.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Move {
    from: &'static str,
    to: &'static str,
    /// Since the last state.
    count: u64,
    /// Since the console started: whoever has missed a state can tell by it.
    total: u64,
    per_second: Option<f64>,
}

/// The ways between the places, and what counts what passes there.
const MOVES: [(&str, &str, &[Count]); 11] = [
    ("client", "order-service", &[Count::Posts]),
    ("order-service", "orders-outbox", &[Count::Placed, Count::Cancelling]),
    ("orders-outbox", "orders", &[Count::SentToOrders]),
    ("orders", "payment-service", &[Count::ReceivedFromOrders]),
    ("orders", "orders-dlq", &[Count::DeadOfOrders]),
    ("payment-service", "provider", &[Count::ProviderAnswered, Count::ProviderAway]),
    ("payment-service", "payments-outbox", &[Count::DoneOfOrders]),
    ("payments-outbox", "payments", &[Count::SentToPayments]),
    ("payments", "results", &[Count::ReceivedFromPayments]),
    ("payments", "payments-dlq", &[Count::DeadOfPayments]),
    ("results", "order-service", &[Count::DoneOfPayments]),
];

/// What the places are made of.
pub(crate) struct Known<'a> {
    pub(crate) names: &'a Names,
    pub(crate) totals: &'a Totals,
    pub(crate) instances: &'a Instances,
    pub(crate) recent: &'a Recent,
    pub(crate) seen: &'a Seen,
    pub(crate) provider: Provider,
}

/// The places, and since when each has been as it is.
#[derive(Debug, Default)]
pub(crate) struct Picture {
    since: HashMap<&'static str, (Status, Timestamp)>,
}

impl Picture {
    pub(crate) fn places(&mut self, known: &Known<'_>) -> Vec<Place> {
        let mut places = known.places();
        for place in &mut places {
            let since = self.since.entry(place.id).or_insert((place.status, place.since));
            if since.0 != place.status {
                *since = (place.status, Timestamp::now());
            }
            place.since = since.1;
        }
        places
    }
}

impl Known<'_> {
    fn places(&self) -> Vec<Place> {
        let (orders, payments) = (self.names.orders.as_str(), self.names.payments.as_str());
        let accepted = Count::Placed;
        vec![
            // Clients are seen by what the order service counts of them, and by nothing else.
            Place {
                per_second: self.rate(Count::Posts),
                dwell: self.dwell(Timed::Completion),
                ..place("client", "client", "Client", Said::unknown("from POST to the order’s end"))
            },
            Place {
                per_second: self.rate(accepted),
                dwell: self.dwell(Timed::Post),
                ..self.service("order-service", "Order service", Service::Orders, None)
            },
            self.outbox("orders-outbox", Service::Orders, orders, Count::SentToOrders),
            self.queue("orders", orders, 0, Count::ReceivedFromOrders, Timed::InOrders),
            self.dead_letters("orders-dlq", orders, 0, Count::DeadOfOrders),
            Place {
                per_second: self.rate(Count::DoneOfOrders),
                dwell: self.dwell(Timed::Charging),
                ..self.service("payment-service", "Payment service", Service::Payments, Some(orders))
            },
            Place {
                per_second: self.rate(Count::ProviderAnswered),
                ..place("provider", "provider", "Payment provider", self.provider())
            },
            self.outbox("payments-outbox", Service::Payments, payments, Count::SentToPayments),
            self.queue("payments", payments, 1, Count::ReceivedFromPayments, Timed::InPayments),
            self.dead_letters("payments-dlq", payments, 1, Count::DeadOfPayments),
            Place {
                per_second: self.rate(Count::DoneOfPayments),
                dwell: self.dwell(Timed::Settling),
                ..self.service("results", "Results", Service::Orders, Some(payments))
            },
        ]
    }

    /// It is known by what the payment service says of it.
    fn provider(&self) -> Said {
        let asked_by = status::of_service(self.instances.of(Service::Payments), false);
        match asked_by.status {
            Status::Away | Status::Unknown => Said::unknown("the payment service, which asks it, does not answer"),
            Status::Up | Status::Paused | Status::Stale => self.provider.said(),
        }
    }

    pub(crate) fn moves(&self) -> Vec<Move> {
        let of = |(from, to, counts): &(&'static str, &'static str, &[Count])| {
            let rates: Option<Vec<f64>> = counts.iter().map(|count| self.rate(*count)).collect();
            Move {
                from,
                to,
                count: counts.iter().map(|count| self.recent.moved(*count)).sum::<f64>() as u64,
                total: counts.iter().map(|count| self.recent.total(*count)).sum::<f64>() as u64,
                per_second: rates.map(|rates| rounded(rates.iter().sum())),
            }
        };
        MOVES.iter().map(of).collect()
    }

    /// A service, or the part of it that consumes a queue.
    fn service(&self, id: &'static str, label: &str, service: Service, consumes: Option<&str>) -> Place {
        let open =
            consumes.and_then(|queue| self.gauge(Gauge::BreakerOpen, service, queue)).is_some_and(|open| open > 0.0);
        let said = status::of_service(self.instances.of(service), open);
        let in_flight = consumes.and_then(|queue| self.gauge(Gauge::InFlight, service, queue));
        let slots = consumes.and_then(|queue| self.gauge(Gauge::Slots, service, queue));
        let shown = self.instances.of(service).map(|instance| {
            let Said { status, words } = of_instance(instance);
            ShownInstance { url: instance.url.clone(), status, words, since: instance.since }
        });
        let detail = slots.map(|slots| Named { name: "slots".to_owned(), value: slots });
        Place {
            now: in_flight,
            detail: detail.into_iter().collect(),
            instances: shown.collect(),
            as_of: self.measured(service),
            ..place(id, "service", label, said)
        }
    }

    /// It is in its service's database, so it is there as its service is.
    fn outbox(&self, id: &'static str, service: Service, queue: &str, sent: Count) -> Place {
        let oldest = self.gauge(Gauge::OutboxOldest, service, queue);
        Place {
            now: self.gauge(Gauge::OutboxPending, service, queue),
            per_second: self.rate(sent),
            dwell: oldest.filter(|oldest| *oldest > 0.0).map(|oldest| Dwell { p50: None, p99: Some(rounded(oldest)) }),
            as_of: self.measured(service),
            ..place(id, "outbox", "Outbox", self.outbox_is(service))
        }
    }

    fn outbox_is(&self, service: Service) -> Said {
        let said = status::of_service(self.instances.of(service), false);
        if said.status == Status::Up { Said::up("in the service’s database") } else { said }
    }

    fn queue(&self, id: &'static str, name: &str, pair: usize, received: Count, timed: Timed) -> Place {
        let depth = self.seen.pairs[pair].depth;
        Place {
            dwell: self.dwell(timed),
            per_second: self.rate(received),
            ..self.counted(place(id, "queue", name, self.sqs()), depth)
        }
    }

    fn dead_letters(&self, id: &'static str, source: &str, pair: usize, dead: Count) -> Place {
        let seen = &self.seen.pairs[pair];
        let name = seen.dead_letter_queue.clone().unwrap_or_else(|| format!("dead letters of {source}"));
        let place = self.counted(place(id, "dead-letters", &name, self.sqs()), seen.dead_letter_depth);
        // When it became a dead letter, SQS does not say: it keeps the time of sending.
        let sent = seen.letters.iter().map(|letter| letter.sent_at).filter(|sent| *sent > 0 && !seen.more).min();
        let oldest = sent.map(|sent| (Timestamp::now().as_millisecond() - sent).max(0) as f64 / 1e3);
        let dwell = oldest.map(|oldest| Dwell { p50: None, p99: Some(rounded(oldest)) });
        Place { per_second: self.rate(dead), dwell, ..place }
    }

    fn counted(&self, place: Place, depth: Option<Depth>) -> Place {
        let detail = depth.map(|depth| {
            let figures = [("visible", depth.visible), ("in flight", depth.in_flight), ("delayed", depth.delayed)];
            figures.map(|(name, value)| Named { name: name.to_owned(), value: value as f64 }).into()
        });
        let now = depth.map(|depth| depth.all() as f64);
        Place { now, detail: detail.unwrap_or_default(), as_of: self.seen.counted, ..place }
    }

    fn sqs(&self) -> Said {
        status::of_sqs(self.instances.all(), self.seen.problem.as_deref())
    }

    fn rate(&self, count: Count) -> Option<f64> {
        self.recent.per_second(count).filter(|_| self.instances.measure(count)).map(rounded)
    }

    fn dwell(&self, timed: Timed) -> Option<Dwell> {
        let durations = self.recent.durations(timed)?;
        let (p50, p99) = (durations.quantile(0.5)?, durations.quantile(0.99)?);
        Some(Dwell { p50: Some(rounded(p50)), p99: Some(rounded(p99)) })
    }

    fn gauge(&self, gauge: Gauge, service: Service, queue: &str) -> Option<f64> {
        let samples = self.instances.of(service).filter(|instance| instance.said.is_some());
        gauge.of(self.totals, samples.filter_map(|instance| instance.said.as_ref().map(|(sample, _)| sample)), queue)
    }

    fn measured(&self, service: Service) -> Option<Timestamp> {
        self.instances.of(service).filter_map(|instance| instance.said.as_ref().map(|(_, at)| *at)).max()
    }
}

fn place(id: &'static str, kind: &'static str, label: &str, Said { status, words }: Said) -> Place {
    Place {
        id,
        kind,
        label: label.to_owned(),
        status,
        words,
        since: Timestamp::now(),
        now: None,
        detail: Vec::new(),
        per_second: None,
        dwell: None,
        as_of: None,
        instances: Vec::new(),
    }
}
