//! A payment provider that counts each movement of money.
//!
//! Unlike `testbed`'s, it moves the money as soon as it is asked and may take its time for the answer: what is killed
//! meanwhile leaves a charge that no ledger knows of. And it can be one without idempotency keys, which shows what the
//! payment service's own defences are worth.

use std::collections::HashMap;
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

use crate::load::is_declined;

/// A request for a charge or a refund.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// How much.
    pub amount: i64,
    /// How often its key has been asked for, this time included.
    pub times: usize,
}

/// How the provider answers.
#[derive(Clone, Copy, Debug)]
pub enum Manner {
    /// Moves the money, or declines, at once and says so after a while.
    Answer(Duration),
    /// Moves the money, or declines, and the answer is lost.
    HangUp,
    /// Does nothing and answers 503.
    Fail,
    /// Does nothing and answers 422: the request itself is at fault, and so is its message.
    Refuse,
}

/// A running provider.
pub struct Provider {
    /// What `PAYMENT_PROVIDER_URL` has to be.
    pub url: String,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

struct Shared {
    knows_keys: bool,
    decide: Box<dyn Fn(Asked) -> Manner + Send + Sync>,
    books: Mutex<HashMap<String, Entry>>,
}

/// What has happened about an order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entry {
    pub(crate) asked: usize,
    /// The amount of each execution.
    pub(crate) executed: Vec<i64>,
    pub(crate) refund_asked: usize,
    /// The amount of each refund.
    pub(crate) refunded: Vec<i64>,
    /// It was to be refunded before it was charged: it will never be.
    pub(crate) voided: bool,
}

impl Provider {
    /// A provider that answers after up to 150 ms.
    pub async fn usual() -> Self {
        Self::deciding(|_| Manner::Answer(Duration::from_millis(fastrand::u64(..150)))).await
    }

    /// A provider that executes each key once.
    pub async fn deciding(decide: impl Fn(Asked) -> Manner + Send + Sync + 'static) -> Self {
        Self::start(true, decide).await
    }

    /// A provider that does not look at keys: each request for a charge is one more charge.
    pub async fn without_keys(decide: impl Fn(Asked) -> Manner + Send + Sync + 'static) -> Self {
        Self::start(false, decide).await
    }

    async fn start(knows_keys: bool, decide: impl Fn(Asked) -> Manner + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared { knows_keys, decide: Box::new(decide), books: Mutex::default() });
        let app =
            Router::new().route("/charges", post(charge)).route("/refunds", post(refund)).with_state(shared.clone());
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, shared, server }
    }

    pub(crate) fn books(&self) -> HashMap<String, Entry> {
        self.shared.books.lock().unwrap().clone()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn charge(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let key = headers["idempotency-key"].to_str().unwrap();
    let request: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(request["orderId"], key, "the key is the order id");
    let amount = request["amount"].as_i64().unwrap();
    let (manner, answer) = {
        let mut books = shared.books.lock().unwrap();
        let entry = books.entry(key.to_owned()).or_default();
        entry.asked += 1;
        let manner = (shared.decide)(Asked { amount, times: entry.asked });
        let answer = match manner {
            Manner::Fail => (StatusCode::SERVICE_UNAVAILABLE, axum::Json(json!({}))),
            Manner::Refuse => (StatusCode::UNPROCESSABLE_ENTITY, axum::Json(json!({}))),
            _ if is_declined(amount) || entry.voided => {
                (StatusCode::PAYMENT_REQUIRED, axum::Json(json!({ "status": "declined", "reason": "no funds" })))
            }
            _ => {
                if entry.executed.is_empty() || !shared.knows_keys {
                    entry.executed.push(amount);
                }
                (StatusCode::CREATED, axum::Json(json!({ "id": format!("charge-{key}"), "status": "succeeded" })))
            }
        };
        (manner, answer)
    };
    say(manner, answer).await
}

async fn refund(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let request: Value = serde_json::from_slice(&body).unwrap();
    let order = request["orderId"].as_str().unwrap();
    assert_eq!(headers["idempotency-key"], format!("refund-{order}"), "the key is the order's");
    let amount = request["amount"].as_i64().unwrap();
    let (manner, answer) = {
        let mut books = shared.books.lock().unwrap();
        let entry = books.entry(order.to_owned()).or_default();
        entry.refund_asked += 1;
        let manner = (shared.decide)(Asked { amount, times: entry.refund_asked });
        let answer = match manner {
            Manner::Fail => (StatusCode::SERVICE_UNAVAILABLE, axum::Json(json!({}))),
            Manner::Refuse => (StatusCode::UNPROCESSABLE_ENTITY, axum::Json(json!({}))),
            _ if entry.executed.is_empty() => {
                entry.voided = true;
                (StatusCode::OK, axum::Json(json!({ "status": "voided" })))
            }
            _ => {
                if entry.refunded.is_empty() || !shared.knows_keys {
                    entry.refunded.push(amount);
                }
                (StatusCode::CREATED, axum::Json(json!({ "id": format!("refund-{order}"), "status": "refunded" })))
            }
        };
        (manner, answer)
    };
    say(manner, answer).await
}

async fn say(manner: Manner, answer: (StatusCode, axum::Json<Value>)) -> Response {
    match manner {
        Manner::Answer(after) => {
            tokio::time::sleep(after).await;
            answer.into_response()
        }
        Manner::Fail | Manner::Refuse => answer.into_response(),
        Manner::HangUp => {
            // A body that fails before its first byte: the connection breaks instead of an answer.
            let broken = futures::stream::once(async { Err::<Bytes, _>(std::io::Error::other("hung up")) });
            Response::new(axum::body::Body::from_stream(broken))
        }
    }
}
