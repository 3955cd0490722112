//! What is counted of orders.

use std::time::{Duration, SystemTime};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use uuid::Uuid;

use crate::order::OrderStatus;

/// From a lone order on a fast queue to one that was in a dead-letter queue for a day.
const COMPLETION_SECONDS: [f64; 16] =
    [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0, 21600.0, 86400.0];

/// Orders by the statuses that they have come to; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct OrderMetrics {
    orders: Family<Status, Counter>,
    completion: Histogram,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Status {
    status: String,
}

impl OrderMetrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let (orders, completion) = (Family::<Status, Counter>::default(), Histogram::new(COMPLETION_SECONDS));
        for status in OrderStatus::names() {
            drop(orders.get_or_create(&Status { status }));
        }
        registry.register("orders", "Orders by the status that they have come to", orders.clone());
        let help = "From an order's acceptance to its final status, refunds left out";
        registry.register_with_unit("order_completion", help, Unit::Seconds, completion.clone());
        Self { orders, completion }
    }

    /// An order has come to `status`.
    pub(crate) fn became(&self, status: &OrderStatus) {
        self.orders.get_or_create(&Status { status: status.to_string() }).inc();
    }

    /// The order of that id has come to a final status. How long a refund took says nothing: it is asked for days later.
    pub(crate) fn ended(&self, status: &OrderStatus, order_id: Uuid) {
        self.became(status);
        if *status == OrderStatus::Refunded {
            return;
        }
        if let Some(accepted) = accepted_at(order_id) {
            let taken = SystemTime::now().duration_since(accepted).unwrap_or_default();
            self.completion.observe(taken.as_secs_f64());
        }
    }
}

/// An order's id is a UUIDv7, made when it was accepted.
fn accepted_at(order_id: Uuid) -> Option<SystemTime> {
    let (seconds, nanoseconds) = order_id.get_timestamp()?.to_unix();
    Some(SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds))
}
