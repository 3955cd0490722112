//! An HTTP proxy in front of an SQS endpoint that makes it fail in the ways that SQS can fail.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// How a call goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It does not.
    None,
    /// No answer, ever; nothing happened.
    Hang,
    /// An error of this status and SQS code; nothing happened.
    Error(u16, &'static str),
    /// The answer of something that is not SQS; nothing happened.
    Foreign {
        /// Its HTTP status.
        status: u16,
        /// Its `Content-Type`.
        content_type: &'static str,
        /// Its body.
        body: &'static str,
    },
    /// The connection breaks; nothing happened.
    HangUp,
    /// A receive that brings no more than a few messages, and those after a while.
    AtMost {
        /// How many.
        messages: usize,
        /// How much later than it could.
        after: Duration,
    },
    /// It happened, but the connection breaks before the answer.
    AnswerLost,
    /// A batch in which every second entry fails (nothing happened to those), with this code and blame.
    HalfFailed {
        /// The error code of the failed entries.
        code: &'static str,
        /// Whether the entry itself is to blame.
        sender_fault: bool,
    },
}

/// A running proxy.
pub struct FaultyProxy {
    /// What the endpoint's URL is through the proxy.
    pub url: String,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

type Decide = Box<dyn Fn(&str, usize) -> Fault + Send + Sync>;

struct Shared {
    endpoint: String,
    http: reqwest::Client,
    decide: Mutex<Decide>,
    calls: AtomicUsize,
    log: Mutex<Vec<(String, Value)>>,
}

impl FaultyProxy {
    /// A proxy in front of `endpoint` that forwards everything.
    pub async fn start(endpoint: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            endpoint: endpoint.to_owned(),
            http: crate::http_client(),
            decide: Mutex::new(Box::new(|_, _| Fault::None)),
            calls: AtomicUsize::new(0),
            log: Mutex::default(),
        });
        let app = Router::new()
            .fallback(forward)
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(shared.clone());
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url: format!("http://{address}"), shared, server }
    }

    /// From now on each call's fate is decided by its SQS action and by how many calls of any kind came before it since
    /// this was set.
    pub fn fail(&self, decide: impl Fn(&str, usize) -> Fault + Send + Sync + 'static) {
        self.shared.calls.store(0, Ordering::SeqCst);
        *self.shared.decide.lock().unwrap() = Box::new(decide);
    }

    /// From now on everything is forwarded.
    pub fn heal(&self) {
        self.fail(|_, _| Fault::None);
    }

    /// All calls so far: their actions and bodies.
    pub fn calls(&self) -> Vec<(String, Value)> {
        self.shared.log.lock().unwrap().clone()
    }

    /// How many calls of an action there were so far.
    pub fn count(&self, action: &str) -> usize {
        self.shared.log.lock().unwrap().iter().filter(|(called, _)| called == action).count()
    }
}

impl Drop for FaultyProxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn forward(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let action = target.rsplit('.').next().unwrap_or_default().to_owned();
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    shared.log.lock().unwrap().push((action.clone(), request.clone()));
    let calls = shared.calls.fetch_add(1, Ordering::SeqCst);
    let fault = (shared.decide.lock().unwrap())(&action, calls);
    match fault {
        Fault::None => shared.send(headers, body).await,
        Fault::Hang => std::future::pending().await,
        Fault::Error(status, code) => {
            let body = json!({ "__type": code, "message": "injected" }).to_string();
            let headers = [("content-type", "application/x-amz-json-1.0")];
            (StatusCode::from_u16(status).unwrap(), headers, body).into_response()
        }
        Fault::Foreign { status, content_type, body } => {
            (StatusCode::from_u16(status).unwrap(), [("content-type", content_type)], body).into_response()
        }
        Fault::HangUp => broken(),
        Fault::AtMost { messages, after } => {
            tokio::time::sleep(after).await;
            let mut request = request;
            let asked = request["MaxNumberOfMessages"].as_u64().unwrap_or(1);
            request["MaxNumberOfMessages"] = asked.min(messages as u64).into();
            shared.send(headers, request.to_string().into()).await
        }
        Fault::AnswerLost => {
            shared.send(headers, body).await;
            broken()
        }
        Fault::HalfFailed { code, sender_fault } => {
            let entries = request["Entries"].as_array().cloned().unwrap_or_default();
            let (kept, failed): (Vec<_>, Vec<_>) =
                entries.into_iter().enumerate().partition(|(index, _)| index % 2 == 0);
            let mut kept_request = request;
            kept_request["Entries"] = kept.into_iter().map(|(_, entry)| entry).collect();
            let mut answer = shared.ask(headers, kept_request.to_string().into()).await;
            answer["Failed"] = failed
                .into_iter()
                .map(|(_, entry)| {
                    json!({ "Id": entry["Id"], "SenderFault": sender_fault, "Code": code, "Message": "injected" })
                })
                .collect();
            ([("content-type", "application/x-amz-json-1.0")], answer.to_string()).into_response()
        }
    }
}

/// A body that fails before its first byte: the connection breaks instead of an answer.
fn broken() -> Response {
    let broken = futures::stream::once(async { Err::<Bytes, _>(std::io::Error::other("connection broken")) });
    Response::new(axum::body::Body::from_stream(broken))
}

impl Shared {
    async fn call(&self, mut headers: HeaderMap, body: Bytes) -> reqwest::Response {
        headers.remove("host");
        headers.remove("content-length");
        self.http.post(&self.endpoint).headers(headers).body(body).send().await.unwrap()
    }

    async fn send(&self, headers: HeaderMap, body: Bytes) -> Response {
        let answer = self.call(headers, body).await;
        let status = answer.status();
        (status, [("content-type", "application/x-amz-json-1.0")], answer.bytes().await.unwrap()).into_response()
    }

    async fn ask(&self, headers: HeaderMap, body: Bytes) -> Value {
        self.call(headers, body).await.json().await.unwrap()
    }
}
