//! Telling again of the orders that are still pending, for a queue that forgets at exit.

use futures::future::try_join_all;
use sqs::TraceContext;

use super::{ListOrders, OrderStore};
use crate::order::OrderStatus;

const PAGE: u32 = 200;

impl OrderStore {
    /// Puts every pending order's event back into the outbox, and returns how many there are. The worker is idempotent:
    /// an order that it has charged is not charged again, its result is told again.
    pub async fn tell_pending_again(&self) -> Result<usize, Box<dyn std::error::Error + Send + Sync>> {
        let mut told = 0;
        let mut list = ListOrders { user_id: None, status: Some(OrderStatus::Pending), limit: PAGE, after: None };
        loop {
            let page = self.list(&list).await?;
            told += page.orders.len();
            let messages = page.orders.iter().map(|order| {
                let (id, event) = (order.id.to_string(), order.created_event().encode());
                self.outbox.add(self.outbox.message(id.clone(), id, event, TraceContext::root()))
            });
            try_join_all(messages).await?;
            match page.next {
                Some(next) => list.after = Some(next),
                None => return Ok(told),
            }
        }
    }
}
