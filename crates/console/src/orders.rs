//! The latest orders, and when which status was first seen.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::api::{Api, Order, Trace};

/// How many are shown.
const SHOWN: usize = 30;
/// Between two looks while things move.
const SOON: Duration = Duration::from_millis(400);
/// And when nothing does: an order may have been placed by somebody whose figures have not come in.
const LATER: Duration = Duration::from_secs(5);
/// Of so many orders it is remembered when they were seen in which status, and in which trace they were placed.
const REMEMBERED: usize = 2000;

/// What the API has answered last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latest {
    pub(crate) orders: Vec<Order>,
    pub(crate) read: Option<Timestamp>,
    /// Why it could not be asked just now.
    pub(crate) problem: Option<String>,
}

/// The orders that are shown, and who asks for them.
#[derive(Debug)]
pub(crate) struct Orders {
    api: Api,
    latest: watch::Sender<Latest>,
    moved: Notify,
    memory: Mutex<Memory>,
}

/// What is remembered of an order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Remembered {
    /// Each status that the console has seen it in, and when first.
    pub(crate) statuses: Vec<(Timestamp, String)>,
    pub(crate) trace: Option<Trace>,
}

#[derive(Debug, Default)]
struct Memory {
    of_orders: HashMap<String, Remembered>,
    oldest_first: VecDeque<String>,
}

impl Memory {
    fn of(&mut self, order_id: &str) -> &mut Remembered {
        if !self.of_orders.contains_key(order_id) {
            self.oldest_first.push_back(order_id.to_owned());
            if self.oldest_first.len() > REMEMBERED {
                self.oldest_first.pop_front().map(|oldest| self.of_orders.remove(&oldest));
            }
        }
        self.of_orders.entry(order_id.to_owned()).or_default()
    }
}

impl Orders {
    pub(crate) fn new(api: Api) -> Self {
        Self { api, latest: watch::Sender::default(), moved: Notify::new(), memory: Mutex::default() }
    }

    pub(crate) fn api(&self) -> &Api {
        &self.api
    }

    pub(crate) fn latest(&self) -> Latest {
        self.latest.borrow().clone()
    }

    /// Orders have changed.
    pub(crate) fn moved(&self) {
        self.moved.notify_one();
    }

    /// The order was placed from here.
    pub(crate) fn placed(&self, order: &Order, trace: Trace) {
        self.memory().of(&order.order_id).trace = Some(trace);
        self.moved();
    }

    pub(crate) fn remembered(&self, order_id: &str) -> Remembered {
        self.memory().of_orders.get(order_id).cloned().unwrap_or_default()
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for the latest orders while anybody looks, when they may have changed, until told to stop.
    pub(crate) async fn keep_looking(&self, mut watched: watch::Receiver<usize>, stop: CancellationToken) {
        let looking = async {
            loop {
                // The sender lives as long as this does.
                let _ = watched.wait_for(|listeners| *listeners > 0).await;
                self.look().await;
                sleep(SOON).await;
                tokio::select! {
                    () = self.moved.notified() => {}
                    () = sleep(LATER) => {}
                }
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = looking => {}
        }
    }

    async fn look(&self) {
        match self.api.latest(SHOWN).await {
            Ok(orders) => {
                let now = Timestamp::now();
                let mut memory = self.memory();
                for order in orders.iter().rev() {
                    let statuses = &mut memory.of(&order.order_id).statuses;
                    if statuses.last().is_none_or(|(_, status)| *status != order.status) {
                        statuses.push((now, order.status.clone()));
                    }
                }
                drop(memory);
                self.latest.send_replace(Latest { orders, read: Some(now), problem: None });
            }
            Err(problem) => self.latest.send_modify(|latest| latest.problem = Some(problem.detail().to_owned())),
        }
    }
}
