//! Lists of orders, newest first, in keyset pages: each page costs the same, however deep.

use uuid::Uuid;

use super::{OrderStore, read};
use crate::order::{Order, OrderStatus, UserId};

/// Which orders to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListOrders {
    /// Only those of one user.
    pub user_id: Option<UserId>,
    /// Only those in one status.
    pub status: Option<OrderStatus>,
    /// At most so many.
    pub limit: u32,
    /// Only those placed before this one: the last one of the page before.
    pub after: Option<Uuid>,
}

/// One page.
#[derive(Debug)]
pub struct Page {
    /// Newest first.
    pub orders: Vec<Order>,
    /// Where the next page begins, if there is one.
    pub next: Option<Uuid>,
}

macro_rules! list_where {
    ($filters:literal) => {
        concat!(
            "SELECT ",
            order_columns!(),
            " FROM orders WHERE order_id < $1 ",
            $filters,
            "ORDER BY order_id DESC LIMIT $2"
        )
    };
}

impl ListOrders {
    /// The statement for these filters. Each has an index that serves it whole.
    pub fn statement(&self) -> &'static str {
        match (&self.user_id, &self.status) {
            (None, None) => list_where!(""),
            (Some(_), None) => list_where!("AND user_id = $3 "),
            (None, Some(_)) => list_where!("AND status = $3 "),
            (Some(_), Some(_)) => list_where!("AND user_id = $3 AND status = $4 "),
        }
    }
}

impl OrderStore {
    /// One page of orders. Ids are UUIDv7, so their order is that of placing.
    pub async fn list(&self, list: &ListOrders) -> Result<Page, sqlx::Error> {
        let filters = list.user_id.iter().map(UserId::as_str).chain(list.status.iter().map(OrderStatus::as_str));
        // One more than asked for tells whether there is a next page.
        let query = sqlx::query(list.statement())
            .bind(list.after.unwrap_or(Uuid::max()).to_string())
            .bind(i64::from(list.limit) + 1);
        let query = filters.fold(query, |query, filter| query.bind(filter.to_owned()));
        let rows = self.database.noted(query.fetch_all(self.database.reads()).await)?;
        let mut orders = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let more = orders.len() > list.limit as usize;
        orders.truncate(list.limit as usize);
        let next = orders.last().filter(|_| more).map(|order| order.id);
        Ok(Page { orders, next })
    }
}
