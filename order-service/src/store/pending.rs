//! Telling again of the orders that are still pending, for a queue that forgets at exit.

use database::Write;
use outbox::Outbox;
use sqlx::AnyConnection;
use sqs::TraceContext;

use super::{ListOrders, OrderStore};
use crate::order::{Order, OrderStatus};

const PAGE: u32 = 200;

struct TellAgain(Vec<Order>);

impl Write for TellAgain {
    type Output = ();

    async fn run(&self, transaction: &mut AnyConnection) -> Result<(), sqlx::Error> {
        for order in &self.0 {
            let (id, event) = (order.id.to_string(), order.created_event().encode());
            let trace = TraceContext::root();
            Outbox::add(transaction, &id, &id, &event, trace).await?;
        }
        Ok(())
    }
}

impl OrderStore {
    /// Puts every pending order's event back into the outbox, and returns how many there are. The worker is idempotent:
    /// an order that it has charged is not charged again, its result is told again.
    pub async fn tell_pending_again(&self) -> Result<usize, Box<dyn std::error::Error + Send + Sync>> {
        let mut told = 0;
        let mut list = ListOrders { user_id: None, status: Some(OrderStatus::Pending), limit: PAGE, after: None };
        loop {
            let page = self.list(&list).await?;
            told += page.orders.len();
            if !page.orders.is_empty() {
                self.database.write(TellAgain(page.orders)).await?;
                self.outbox.committed();
            }
            match page.next {
                Some(next) => list.after = Some(next),
                None => return Ok(told),
            }
        }
    }
}
