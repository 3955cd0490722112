//! Requests that wait until an order has come to an end.
//!
//! Whoever takes a result wakes those that wait for its order. On several instances the result may be taken by another one:
//! so, while anybody waits here, a look every second finds what others have settled, in one statement for all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use database::Engine;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::OrderStore;

/// Requests that may wait at once: each costs a connection and some memory.
const MOST: usize = 10_000;
/// Between two looks at what other instances have settled.
const LOOK: Duration = Duration::from_secs(1);
/// Orders that are looked for by one statement.
const PIECE: usize = 500;

/// Who waits for which order; cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Waiting(Arc<Inner>);

#[derive(Default)]
struct Inner {
    orders: Mutex<Orders>,
    /// The first one has begun to wait.
    begun: Notify,
}

#[derive(Default)]
struct Orders {
    by_id: HashMap<Uuid, Waiters>,
    waiters: usize,
    closed: bool,
}

struct Waiters {
    count: usize,
    /// Cancelled when the order has come to an end.
    ended: CancellationToken,
}

/// One that waits, counted until it is dropped.
pub(crate) struct Waiter {
    waiting: Waiting,
    order_id: Uuid,
    ended: CancellationToken,
}

impl Waiting {
    /// None if too many are waiting, or nobody is to wait any more. To be called before the order is read: an end that
    /// comes after that is not missed.
    fn begin(&self, order_id: Uuid) -> Option<Waiter> {
        let mut orders = self.orders();
        if orders.closed || orders.waiters >= MOST {
            return None;
        }
        orders.waiters += 1;
        let waiters =
            orders.by_id.entry(order_id).or_insert_with(|| Waiters { count: 0, ended: CancellationToken::new() });
        waiters.count += 1;
        let ended = waiters.ended.clone();
        drop(orders);
        self.0.begun.notify_one();
        Some(Waiter { waiting: self.clone(), order_id, ended })
    }

    /// Wakes those that wait for that order.
    pub(super) fn ended(&self, order_id: Uuid) {
        let waiters = self.orders().by_id.remove(&order_id);
        waiters.iter().for_each(|waiters| waiters.ended.cancel());
    }

    fn close(&self) {
        let mut orders = self.orders();
        orders.closed = true;
        orders.by_id.drain().for_each(|(_, waiters)| waiters.ended.cancel());
    }

    /// The orders that are waited for.
    fn ids(&self) -> Vec<String> {
        self.orders().by_id.keys().map(Uuid::to_string).collect()
    }

    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.0.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiter {
    /// Waits for the end, but not for longer than `most`.
    pub(crate) async fn ended(&self, most: Duration) {
        // What has become of the order, only the order itself tells.
        let _ = timeout(most, self.ended.cancelled()).await;
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut orders = self.waiting.orders();
        orders.waiters -= 1;
        if self.ended.is_cancelled() {
            return; // Its entry is gone; who has begun to wait since then is not counted with it.
        }
        if let Some(waiters) = orders.by_id.get_mut(&self.order_id) {
            waiters.count -= 1;
            if waiters.count == 0 {
                orders.by_id.remove(&self.order_id);
            }
        }
    }
}

/// Which of the orders whose ids are in the JSON array `$1` have come to an end.
pub fn ended_statement(engine: Engine) -> &'static str {
    macro_rules! ended {
        ($ids:literal) => {
            concat!(
                "SELECT order_id FROM orders WHERE order_id IN (",
                $ids,
                ") AND status NOT IN ('PENDING', 'CANCELLING')"
            )
        };
    }
    match engine {
        Engine::Sqlite => ended!("SELECT value FROM json_each($1)"),
        Engine::Postgres => ended!("SELECT json_array_elements_text($1::json)"),
    }
}

impl OrderStore {
    /// Begins to wait for an order's end; None if too many do so already, or the service is stopping.
    pub(crate) fn wait_for(&self, order_id: Uuid) -> Option<Waiter> {
        self.waiting.begin(order_id)
    }

    /// From now on nobody waits: those who do are woken.
    pub(crate) fn let_nobody_wait(&self) {
        self.waiting.close();
    }

    /// Wakes those whose order another instance has settled, until told to stop. Costs nothing while nobody waits.
    pub(crate) async fn keep_looking(&self, stop: &CancellationToken) {
        let looking = async {
            loop {
                let ids = self.waiting.ids();
                if ids.is_empty() {
                    self.waiting.0.begun.notified().await;
                }
                for ids in ids.chunks(PIECE) {
                    if let Err(error) = self.look(ids).await {
                        tracing::debug!(%error, "orders that are waited for could not be looked at, will try again");
                    }
                }
                sleep(LOOK).await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = looking => {}
        }
    }

    async fn look(&self, ids: &[String]) -> Result<(), sqlx::Error> {
        let query =
            sqlx::query_scalar(ended_statement(self.database.engine())).bind(serde_json::json!(ids).to_string());
        let ended: Vec<String> = query.fetch_all(self.database.reads()).await?;
        ended.iter().filter_map(|id| Uuid::try_parse(id).ok()).for_each(|id| self.waiting.ended(id));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use contracts::Currency;
    use database::Database;
    use futures::FutureExt;
    use outbox::Outbox;
    use sqs::TraceContext;
    use testbed::Databases;

    use super::*;
    use crate::order::{NewOrder, Order, OrderStatus};
    use crate::store::{MIGRATIONS, PlaceOrder, Settled, Settlement};
    use crate::total::OrderTotal;

    #[test]
    fn no_more_than_so_many_wait_and_none_is_left_when_they_have_gone() {
        let (waiting, order) = (Waiting::default(), Uuid::now_v7());
        let mut waiters: Vec<_> = (0..MOST).map(|_| waiting.begin(order).unwrap()).collect();
        assert!(waiting.begin(Uuid::now_v7()).is_none());
        waiters.pop();
        assert!(waiting.begin(Uuid::now_v7()).is_some());
        waiters.clear();
        assert!(waiting.orders().by_id.is_empty() && waiting.orders().waiters == 0);
    }

    #[tokio::test]
    async fn an_end_wakes_those_who_wait_for_that_order_and_is_not_missed() {
        let (waiting, order, other) = (Waiting::default(), Uuid::now_v7(), Uuid::now_v7());
        let [waiter, patient] = [order, other].map(|id| waiting.begin(id).unwrap());
        waiting.ended(order);
        waiter.ended(Duration::MAX).await;
        assert!(patient.ended(Duration::MAX).now_or_never().is_none());
        waiting.close();
        patient.ended(Duration::MAX).await;
        assert!(waiting.begin(order).is_none());
    }

    // In a whole service the next look would find it as well: here nobody looks.
    #[tokio::test]
    async fn whoever_takes_a_result_wakes_those_who_wait_for_its_order() {
        let databases = Databases::new();
        let database = Database::open(&databases.create().await, &MIGRATIONS).await.unwrap();
        let store = OrderStore::new(database.clone(), Outbox::new(database.clone(), 100));
        let (user_id, total) = ("dev-user".parse().unwrap(), OrderTotal::parse("42.00").unwrap());
        let order = Order::accept(NewOrder { user_id, total, currency: Currency::USD });
        store.place(PlaceOrder::new(order.clone(), TraceContext::root(), None)).await.unwrap();
        let waiter = store.wait_for(order.id).unwrap();
        let (status, currency) = (OrderStatus::Paid, Currency::USD);
        let paid = Settlement { order_id: order.id, status, amount: 4200, currency };
        assert_eq!(store.settle(paid).await.unwrap(), Settled::Now);
        assert!(waiter.ended(Duration::MAX).now_or_never().is_some(), "nobody was woken");
        database.close().await;
    }
}
