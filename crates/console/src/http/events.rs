//! `GET /events`: every listener gets the same state, made once.
//!
//! A listener holds no states: when it can take one, it gets the newest. One that takes none is dropped by its connection
//! (`chassis::http`).

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream::unfold;
use tokio::sync::watch;

use super::Shared;
use super::problem::Problem;

/// 200 are no burden; somebody who opens them without end must not exhaust the descriptors.
const MOST: usize = 1000;
/// How soon a browser is to come again, in milliseconds.
const RETRY: Bytes = Bytes::from_static(b"retry: 1000\n\n");

/// Is counted for as long as it lives.
struct Listener {
    states: watch::Receiver<Bytes>,
    count: Arc<watch::Sender<usize>>,
    greeted: bool,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.count.send_modify(|count| *count -= 1);
    }
}

pub(super) async fn listen(State(shared): State<Shared>) -> Response {
    let count = shared.listeners.clone();
    let admitted = count.send_if_modified(|count| {
        let admitted = *count < MOST;
        *count += usize::from(admitted);
        admitted
    });
    if !admitted {
        return Problem::too_many_listeners().into_response();
    }
    let mut states = shared.states.clone();
    states.mark_changed();
    let listener = Listener { states, count, greeted: false };
    let stop = shared.stop.clone();
    let events = unfold(listener, move |mut listener| {
        let stop = stop.clone();
        async move {
            if !listener.greeted {
                listener.greeted = true;
                return Some((Ok::<_, Infallible>(RETRY), listener));
            }
            loop {
                tokio::select! {
                    () = stop.cancelled() => return None,
                    changed = listener.states.changed() => changed.ok()?,
                }
                let state = listener.states.borrow_and_update().clone();
                // None has been made since the first of the listeners came.
                if !state.is_empty() {
                    return Some((Ok(state), listener));
                }
            }
        }
    });
    ([(CONTENT_TYPE, "text/event-stream")], Body::from_stream(events)).into_response()
}

/// One state, as it is sent.
pub(crate) fn event(state: &str) -> Bytes {
    format!("event: state\ndata: {state}\n\n").into()
}
