//! A payment provider that counts what it executes.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What the provider does with a request, for a charge or for a refund.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Charges, or refunds, once per key, and says so.
    Charge,
    /// The same after a while.
    ChargeSlowly(Duration),
    /// The same, and its answer is lost.
    ChargeAndHangUp,
    /// Does nothing but answer with this status, headers and body.
    Answer(u16, Vec<(&'static str, String)>, String),
}

/// A provider as `PAYMENT_PROVIDER_URL` describes it, with an idempotency key of its own right.
pub struct CountingProvider {
    /// Where it is.
    pub address: SocketAddr,
    state: Arc<Shared>,
    server: JoinHandle<()>,
}

type Decide = Box<dyn Fn(&Value, usize) -> Reply + Send + Sync>;

struct Shared {
    decide: Decide,
    decide_refund: Decide,
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    /// Requests by key.
    asked: HashMap<String, usize>,
    /// Money moved, by key: the amount of each execution.
    executed: HashMap<String, Vec<i64>>,
    /// Money given back, by order: the amount of each execution.
    refunded: HashMap<String, Vec<i64>>,
    /// Orders that were to be refunded before they were charged: they never will be.
    voided: HashSet<String>,
}

impl Books {
    /// How often a key has been asked for, this time included.
    fn ask(&mut self, key: &str) -> usize {
        let asked = self.asked.entry(key.to_owned()).or_default();
        *asked += 1;
        *asked
    }

    /// Whether the order is charged by now.
    fn charge(&mut self, order: &str, amount: i64) -> bool {
        if self.voided.contains(order) {
            return false;
        }
        let executed = self.executed.entry(order.to_owned()).or_default();
        if executed.is_empty() {
            executed.push(amount);
        }
        true
    }

    /// Whether there was anything to give back.
    fn refund(&mut self, order: &str, amount: i64) -> bool {
        if !self.executed.contains_key(order) {
            self.voided.insert(order.to_owned());
            return false;
        }
        let refunded = self.refunded.entry(order.to_owned()).or_default();
        if refunded.is_empty() {
            refunded.push(amount);
        }
        true
    }
}

impl CountingProvider {
    /// A provider that charges everything.
    pub async fn start() -> Self {
        Self::deciding(|_, _| Reply::Charge).await
    }

    /// A provider that decides by a charge's body and by how often its key has been asked for, counted from 1. It refunds
    /// everything.
    pub async fn deciding(decide: impl Fn(&Value, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::deciding_both(decide, |_, _| Reply::Charge).await
    }

    /// The same, and it decides about refunds too.
    pub async fn deciding_both(
        decide: impl Fn(&Value, usize) -> Reply + Send + Sync + 'static,
        decide_refund: impl Fn(&Value, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (decide, decide_refund) = (Box::new(decide), Box::new(decide_refund));
        let state = Arc::new(Shared { decide, decide_refund, books: Mutex::default() });
        let app = Router::new().route("/charges", post(charge)).route("/refunds", post(refund));
        let app = app.with_state(state.clone());
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, state, server }
    }

    /// What `PAYMENT_PROVIDER_URL` has to be.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How often a key has been asked for.
    pub fn asked(&self, key: &str) -> usize {
        self.state.books.lock().unwrap().asked.get(key).copied().unwrap_or(0)
    }

    /// The amounts charged, by key. More than one for a key means that the provider's own idempotency was not enough.
    pub fn executions(&self) -> HashMap<String, Vec<i64>> {
        self.state.books.lock().unwrap().executed.clone()
    }

    /// The amounts given back, by order.
    pub fn refunds(&self) -> HashMap<String, Vec<i64>> {
        self.state.books.lock().unwrap().refunded.clone()
    }

    /// Whether an order was to be refunded before it was charged.
    pub fn has_voided(&self, order: &str) -> bool {
        self.state.books.lock().unwrap().voided.contains(order)
    }
}

impl Drop for CountingProvider {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn charge(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let (key, order, request) = read(&headers, &body);
    assert_eq!(order, key, "the key is the order id");
    let asked = shared.books.lock().unwrap().ask(&key);
    let charge = || match shared.books.lock().unwrap().charge(&order, request["amount"].as_i64().unwrap()) {
        true => answer(StatusCode::CREATED, json!({ "id": format!("charge-{key}"), "status": "succeeded" })),
        false => answer(StatusCode::PAYMENT_REQUIRED, json!({ "status": "declined", "reason": "voided" })),
    };
    reply((shared.decide)(&request, asked), charge).await
}

async fn refund(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let (key, order, request) = read(&headers, &body);
    assert_eq!(key, format!("refund-{order}"), "the key is the order's");
    let asked = shared.books.lock().unwrap().ask(&key);
    let refund = || match shared.books.lock().unwrap().refund(&order, request["amount"].as_i64().unwrap()) {
        true => answer(StatusCode::CREATED, json!({ "id": key, "status": "refunded" })),
        false => answer(StatusCode::OK, json!({ "status": "voided" })),
    };
    reply((shared.decide_refund)(&request, asked), refund).await
}

/// The key, the order's id, and all of the request.
fn read(headers: &HeaderMap, body: &[u8]) -> (String, String, Value) {
    let request: Value = serde_json::from_slice(body).unwrap();
    let key = headers["idempotency-key"].to_str().unwrap().to_owned();
    (key, request["orderId"].as_str().unwrap().to_owned(), request)
}

fn answer(status: StatusCode, body: Value) -> Response {
    (status, axum::Json(body)).into_response()
}

async fn reply(reply: Reply, execute: impl Fn() -> Response) -> Response {
    match reply {
        Reply::Charge => execute(),
        Reply::ChargeSlowly(time) => {
            tokio::time::sleep(time).await;
            execute()
        }
        Reply::ChargeAndHangUp => {
            execute();
            // A body that fails before its first byte: the connection breaks instead of an answer.
            let broken = futures::stream::once(async { Err::<Bytes, _>(std::io::Error::other("hung up")) });
            Response::new(axum::body::Body::from_stream(broken))
        }
        Reply::Answer(status, headers, body) => {
            let mut response = (StatusCode::from_u16(status).unwrap(), body).into_response();
            for (name, value) in headers {
                response.headers_mut().insert(name, value.parse().unwrap());
            }
            response
        }
    }
}
