//! A thousand orders at the press of a button.

use std::sync::Arc;

use futures::StreamExt;
use futures::stream::iter;
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::kinds::Kind;
use crate::orders::Orders;

/// How many they are.
pub(crate) const ORDERS: usize = 1000;
/// So many are asked for at once.
const AT_ONCE: usize = 32;

/// How far it is.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Progress {
    orders: usize,
    placed: usize,
    refused: usize,
    /// What the first refusal said.
    refusal: Option<String>,
    running: bool,
    started_at: Timestamp,
}

/// Places them when it is told to; cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Thousand {
    progress: Arc<watch::Sender<Option<Progress>>>,
    begin: Arc<Notify>,
}

impl Thousand {
    /// Whether they are going to be placed: not, while others are.
    pub(crate) fn begin(&self) -> bool {
        let begun = self.progress.send_if_modified(|progress| {
            if progress.as_ref().is_some_and(|progress| progress.running) {
                return false;
            }
            let started_at = Timestamp::now();
            *progress =
                Some(Progress { orders: ORDERS, placed: 0, refused: 0, refusal: None, running: true, started_at });
            true
        });
        if begun {
            self.begin.notify_one();
        }
        begun
    }

    pub(crate) fn progress(&self) -> Option<Progress> {
        self.progress.borrow().clone()
    }

    /// Places them whenever it has been told to, until told to stop.
    pub(crate) async fn run(self, orders: Arc<Orders>, kind: &'static Kind, stop: CancellationToken) {
        let placing = async {
            loop {
                self.begin.notified().await;
                iter(0..ORDERS).for_each_concurrent(AT_ONCE, |_| self.place(&orders, kind)).await;
                self.progress.send_modify(|progress| progress.iter_mut().for_each(|progress| progress.running = false));
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = placing => {}
        }
    }

    async fn place(&self, orders: &Orders, kind: &Kind) {
        let placed = orders.api().place(kind).await;
        if let Ok((order, trace)) = &placed {
            orders.placed(order, trace.clone());
        }
        self.progress.send_modify(|progress| {
            let Some(progress) = progress else { return };
            match placed {
                Ok(_) => progress.placed += 1,
                Err(problem) => {
                    progress.refused += 1;
                    progress.refusal.get_or_insert_with(|| problem.detail().to_owned());
                }
            }
        });
    }
}
