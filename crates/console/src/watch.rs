//! The one who looks: asks the services for their figures and makes a state of them, for all listeners together.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::charts::{Charts, STEP};
use crate::http::event;
use crate::kinds::KINDS;
use crate::metrics::{Count, Instances, Names, Reading, Totals};
use crate::orders::Orders;
use crate::picture::{Known, Picture};
use crate::price::Price;
use crate::queues::Queues;
use crate::recent::Recent;
use crate::state::{Cost, ShownLetters, ShownOrders, ShownSwitch, State};
use crate::status::Provider;
use crate::switches::Switches;
use crate::thousand::Thousand;

/// From one state to the next.
const TICK: Duration = Duration::from_millis(500);

/// What it looks at, and what it remembers.
pub(crate) struct Watch {
    pub(crate) names: Names,
    pub(crate) price: Price,
    pub(crate) instances: Instances,
    pub(crate) orders: Arc<Orders>,
    pub(crate) queues: Arc<Queues>,
    pub(crate) thousand: Thousand,
    pub(crate) switches: Switches,
    pub(crate) states: watch::Sender<Bytes>,
    pub(crate) listeners: watch::Receiver<usize>,
}

/// What is known so far.
struct Memory {
    totals: Totals,
    recent: Recent,
    charts: Charts,
    picture: Picture,
    provider: Provider,
    activity: u64,
    dead: f64,
}

impl Memory {
    fn new() -> Self {
        Self {
            totals: Totals::default(),
            recent: Recent::default(),
            charts: Charts::new(),
            picture: Picture::default(),
            provider: Provider::default(),
            activity: 0,
            dead: 0.0,
        }
    }
}

impl Watch {
    /// Looks every half second while anybody listens; else as often as the charts have a point, until told to stop.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut memory = Memory::new();
        loop {
            let begun = Instant::now();
            self.look(&mut memory).await;
            let idle = *self.listeners.borrow() == 0;
            let next = sleep((if idle { STEP } else { TICK }).saturating_sub(begun.elapsed()));
            tokio::select! {
                () = stop.cancelled() => return,
                () = next => {}
                // The first listener does not wait for the next point.
                _ = self.listeners.wait_for(|listeners| *listeners > 0), if idle => {}
            }
        }
    }

    async fn look(&mut self, memory: &mut Memory) {
        if self.instances.ask(&mut memory.totals).await {
            memory.recent.begin_anew();
            memory.charts.begin_anew();
        }
        let (now, reading) = (Instant::now(), Reading::of(&memory.totals, &self.names));
        let activity = reading.activity();
        if activity != memory.activity {
            memory.activity = activity;
            let dead = reading.count(Count::DeadOfOrders) + reading.count(Count::DeadOfPayments);
            // Their number may be as before all the same: one has left and another has come.
            if dead != memory.dead {
                self.queues.look()
            } else {
                self.queues.moved()
            }
            memory.dead = dead;
            self.orders.moved();
        }
        memory.charts.add(now, &reading, |count| self.instances.measure(count), self.price);
        memory.recent.add(now, reading.clone());
        memory.provider = memory.provider.after(&memory.recent);
        if *self.listeners.borrow() == 0 {
            // Whoever comes is not shown what was, but waits for what is.
            self.states.send_if_modified(|state| !std::mem::take(state).is_empty());
            return;
        }
        match serde_json::to_string(&self.state(memory, &reading)) {
            Ok(state) => drop(self.states.send_replace(event(&state))),
            Err(error) => tracing::error!(%error, "the state cannot be written"),
        }
    }

    fn state<'a>(&self, memory: &'a mut Memory, reading: &Reading) -> State<'a> {
        let seen = self.queues.seen();
        let known = Known {
            names: &self.names,
            totals: &memory.totals,
            instances: &self.instances,
            recent: &memory.recent,
            seen: &seen,
            provider: memory.provider,
        };
        let (requests, ended) = (reading.count(Count::Requests), reading.count(Count::Ended));
        State {
            at: Timestamp::now(),
            listeners: *self.listeners.borrow(),
            places: memory.picture.places(&known),
            moves: known.moves(),
            orders: ShownOrders::of(&self.orders.latest(), &seen),
            dead_letters: ShownLetters::of(&seen, [&self.names.orders, &self.names.payments]),
            charts: &memory.charts,
            cost: Cost::of(requests, ended, self.queues.requests(), self.price),
            thousand: self.thousand.progress(),
            switches: ShownSwitch::all(&self.switches),
            kinds: KINDS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Api;

    const NOBODY: &str = "http://127.0.0.1:9";

    #[tokio::test]
    async fn whoever_comes_later_is_not_shown_what_was() {
        chassis::tls::install_provider();
        let (http, sqs) = (reqwest::Client::new(), sqs::client::for_endpoint(NOBODY).await);
        let names = Names { orders: "orders".into(), payments: "payments".into() };
        let ((listeners, listeners_seen), (states, seen)) = (watch::channel(1), watch::channel(Bytes::new()));
        let mut watch = Watch {
            instances: Instances::new(http.clone(), &[], &[]),
            price: "0.40".parse().unwrap(),
            orders: Arc::new(Orders::new(Api::new(http, NOBODY))),
            queues: Arc::new(Queues::new(&sqs, &names)),
            names,
            thousand: Thousand::default(),
            switches: Switches::default(),
            states,
            listeners: listeners_seen,
        };
        let mut memory = Memory::new();
        watch.look(&mut memory).await;
        assert!(!seen.borrow().is_empty());
        listeners.send_replace(0);
        watch.look(&mut memory).await;
        assert!(seen.borrow().is_empty());
    }
}
