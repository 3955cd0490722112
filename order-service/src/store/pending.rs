//! Telling again of what is still under way, for a queue that forgets at exit.

use futures::future::try_join_all;
use sqs::TraceContext;
use uuid::Uuid;

use super::cancel::{LIST_CANCELLING, read_cancellation};
use super::{ListOrders, OrderStore, read};
use crate::order::OrderStatus;

const PAGE: u32 = 200;

type AnyError = Box<dyn std::error::Error + Send + Sync>;

impl OrderStore {
    /// Puts the event of every pending order and of every cancellation under way back into the outbox, and returns how many
    /// there are. The worker is idempotent: an order that it has charged is not charged again, its result is told again.
    pub async fn tell_pending_again(&self) -> Result<usize, AnyError> {
        Ok(self.tell_orders_again().await? + self.tell_cancellations_again().await?)
    }

    async fn tell_orders_again(&self) -> Result<usize, AnyError> {
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

    async fn tell_cancellations_again(&self) -> Result<usize, AnyError> {
        let (mut told, mut before) = (0, Uuid::max().to_string());
        loop {
            let page = sqlx::query(LIST_CANCELLING).bind(before.clone()).bind(i64::from(PAGE));
            let rows = self.database.noted(page.fetch_all(self.database.reads()).await)?;
            told += rows.len();
            let mut messages = Vec::with_capacity(rows.len());
            for row in &rows {
                let (order, cancellation) = (read(row)?, read_cancellation(row)?);
                before = order.id.to_string();
                let event = cancellation.event(&order).encode();
                let (id, trace) = (cancellation.id.to_string(), TraceContext::root());
                messages.push(self.outbox.add(self.outbox.message(id, before.clone(), event, trace)));
            }
            try_join_all(messages).await?;
            if rows.len() < PAGE as usize {
                return Ok(told);
            }
        }
    }
}
