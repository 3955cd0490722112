//! A payment provider that counts what it executes.

use std::collections::HashMap;
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

/// What the provider does with a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Charges, once per key, and says so.
    Charge,
    /// Charges, once per key, and answers after a while.
    ChargeSlowly(Duration),
    /// Charges, once per key, and its answer is lost.
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
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    /// Requests by key.
    asked: HashMap<String, usize>,
    /// Money moved, by key: the amount of each execution.
    executed: HashMap<String, Vec<i64>>,
}

impl CountingProvider {
    /// A provider that charges everything.
    pub async fn start() -> Self {
        Self::deciding(|_, _| Reply::Charge).await
    }

    /// A provider that decides by the request's body and by how often its key has been asked for, counted from 1.
    pub async fn deciding(decide: impl Fn(&Value, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Shared { decide: Box::new(decide), books: Mutex::default() });
        let app = Router::new().route("/charges", post(charge)).with_state(state.clone());
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
}

impl Drop for CountingProvider {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn charge(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let key = headers["idempotency-key"].to_str().unwrap().to_owned();
    let request: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(request["orderId"], key.as_str(), "the key is the order id");
    let asked = {
        let mut books = shared.books.lock().unwrap();
        let asked = books.asked.entry(key.clone()).or_default();
        *asked += 1;
        *asked
    };
    let execute = || {
        let mut books = shared.books.lock().unwrap();
        let executed = books.executed.entry(key.clone()).or_default();
        if executed.is_empty() {
            executed.push(request["amount"].as_i64().unwrap());
        }
    };
    let succeeded = (StatusCode::CREATED, axum::Json(json!({ "id": format!("charge-{key}"), "status": "succeeded" })));
    match (shared.decide)(&request, asked) {
        Reply::Charge => {
            execute();
            succeeded.into_response()
        }
        Reply::ChargeSlowly(time) => {
            tokio::time::sleep(time).await;
            execute();
            succeeded.into_response()
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
