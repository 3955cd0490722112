//! Clients that do as they should: each order has a key, and is sent again with it until it is accepted.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Client, StatusCode};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{PATIENCE, Scene, moment};

/// Longer than the order service keeps a request waiting for its database.
const TIMEOUT: Duration = Duration::from_secs(20);

/// An order that was answered with a 202: a promise.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The client's key.
    pub key: String,
    /// The order's id in the answer.
    pub order_id: String,
    /// In minor units; no two orders of a scenario have the same.
    pub amount: i64,
    /// Whether its client has taken it back: the next promise.
    pub is_cancelled: bool,
}

impl Accepted {
    /// Whether the provider declines it.
    pub fn is_declined(&self) -> bool {
        is_declined(self.amount)
    }
}

/// Whether the provider declines an order: every tenth.
pub(crate) fn is_declined(amount: i64) -> bool {
    amount % 10 == 7
}

/// What all clients of a scenario share.
#[derive(Clone)]
pub(crate) struct Clients {
    http: Client,
    /// Where the order service's instances are, as a load balancer would know.
    pub(crate) front_door: watch::Sender<Vec<String>>,
    next_order: Arc<AtomicU64>,
    accepted: Arc<AtomicUsize>,
    refused: Arc<AtomicUsize>,
}

impl Clients {
    pub(crate) fn new() -> Self {
        let (next_order, accepted, refused) = Default::default();
        Self { http: testbed::http_client(), front_door: watch::Sender::new(Vec::new()), next_order, accepted, refused }
    }

    /// Orders accepted so far.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Requests so far that were answered otherwise, or not at all.
    pub(crate) fn refused(&self) -> usize {
        self.refused.load(Ordering::SeqCst)
    }

    /// Places one order, however long it takes.
    async fn place(&self) -> Accepted {
        let number = self.next_order.fetch_add(1, Ordering::SeqCst);
        let (key, amount) = (format!("order-{number}"), 100 + number as i64);
        let order_id = self.insist(&key, amount).await;
        self.accepted.fetch_add(1, Ordering::SeqCst);
        if number.is_multiple_of(5) {
            assert_eq!(self.insist(&key, amount).await, order_id, "the same key made another order");
        }
        Accepted { key, order_id, amount, is_cancelled: false }
    }

    /// Takes an order back, however long it takes; it may have been declined by then.
    async fn cancel(&self, order: &mut Accepted) {
        let begun = Instant::now();
        loop {
            match self.ask_to_cancel(order).await {
                Some(StatusCode::ACCEPTED) => break order.is_cancelled = true,
                Some(StatusCode::CONFLICT) if order.is_declined() => break,
                Some(status) => assert!(status.is_server_error() || status == 429, "{status}: {order:?}"),
                None => {}
            }
            self.refused.fetch_add(1, Ordering::SeqCst);
            assert!(begun.elapsed() < PATIENCE, "the order {order:?} was never taken back");
            moment(20..120).await;
        }
    }

    async fn ask_to_cancel(&self, order: &Accepted) -> Option<StatusCode> {
        let url = self.an_instance().await?;
        let request = self.http.post(format!("{url}/orders/{}/cancel", order.order_id)).timeout(TIMEOUT);
        let response = request.header("idempotency-key", format!("cancel-{}", order.key)).send().await.ok()?;
        let status = response.status();
        response.bytes().await.ok()?;
        Some(status)
    }

    /// Any instance of the order service, as soon as there is one.
    async fn an_instance(&self) -> Option<String> {
        let mut front_door = self.front_door.subscribe();
        let instances = front_door.wait_for(|instances| !instances.is_empty()).await.unwrap();
        fastrand::choice(instances.iter()).cloned()
    }

    async fn insist(&self, key: &str, amount: i64) -> String {
        let begun = Instant::now();
        loop {
            if let Some(order_id) = self.ask(key, amount).await {
                return order_id;
            }
            self.refused.fetch_add(1, Ordering::SeqCst);
            assert!(begun.elapsed() < PATIENCE, "the order {key} was never accepted");
            moment(20..120).await;
        }
    }

    /// One request. None: it failed in a way that a client may not take for an answer.
    async fn ask(&self, key: &str, amount: i64) -> Option<String> {
        let url = self.an_instance().await?;
        let body = format!(r#"{{"userId":"client","total":{}.{:02}}}"#, amount / 100, amount % 100);
        let request = self.http.post(format!("{url}/orders")).timeout(TIMEOUT).header("idempotency-key", key);
        let response = request.header("content-type", "application/json").body(body).send().await.ok()?;
        let status = response.status();
        let answer = response.text().await.ok()?;
        if status == StatusCode::ACCEPTED {
            let order: Value = serde_json::from_str(&answer).unwrap();
            return Some(order["orderId"].as_str().unwrap().to_owned());
        }
        let may_try_again = status.is_server_error() || matches!(status.as_u16(), 408 | 429);
        assert!(may_try_again, "{status}: {answer}");
        None
    }
}

/// Orders coming in until it is finished.
pub struct Load {
    stop: CancellationToken,
    clients: JoinSet<Vec<Accepted>>,
}

impl Load {
    /// Lets so many clients place orders, each with a random pause of up to so many milliseconds in between.
    pub fn start(scene: &Scene, clients: usize, pause: u64) -> Self {
        let stop = CancellationToken::new();
        let mut running = JoinSet::new();
        for _ in 0..clients {
            let (clients, stop) = (scene.clients.clone(), stop.clone());
            running.spawn(async move {
                let mut accepted = Vec::new();
                while !stop.is_cancelled() {
                    accepted.push(clients.place().await);
                    moment(0..pause.max(1)).await;
                }
                accepted
            });
        }
        Self { stop, clients: running }
    }

    /// Ends it, and returns every order: each that was begun is insisted on until it is accepted.
    pub async fn finish(self) -> Vec<Accepted> {
        self.stop.cancel();
        self.clients.join_all().await.concat()
    }
}

/// Places so many orders, a few at a time.
pub async fn place(scene: &Scene, orders: usize) -> Vec<Accepted> {
    place_and_cancel(scene, orders, 0..0).await
}

/// Places so many orders, a few at a time, and takes every second one back after a random pause of so many milliseconds, if
/// there is one.
pub async fn place_and_cancel(scene: &Scene, orders: usize, pause: Range<u64>) -> Vec<Accepted> {
    let left = Arc::new(AtomicUsize::new(orders));
    let mut running = JoinSet::new();
    for _ in 0..8 {
        let (clients, left, pause) = (scene.clients.clone(), left.clone(), pause.clone());
        running.spawn(async move {
            let mut accepted = Vec::new();
            while left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
                let mut order = clients.place().await;
                if !pause.is_empty() && fastrand::bool() {
                    moment(pause.clone()).await;
                    clients.cancel(&mut order).await;
                }
                accepted.push(order);
            }
            accepted
        });
    }
    running.join_all().await.concat()
}
