//! The kinds of orders that the simulated provider tells apart: by the cents of the total.

use serde::Serialize;

/// A kind of order.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Kind {
    pub(crate) id: &'static str,
    /// What such an order is placed with.
    pub(crate) total: &'static str,
    pub(crate) cents: &'static str,
    /// What the simulated provider does.
    pub(crate) does: &'static str,
    /// What becomes of it.
    pub(crate) end: &'static str,
}

/// The README's table.
pub(crate) const KINDS: [Kind; 7] = [
    kind("paid", "42.00", ".00", "succeeds", "PAID"),
    kind("declined", "42.90", ".90", "declines", "DECLINED"),
    kind("slow", "42.91", ".91", "takes 5 s, then succeeds", "PAID"),
    kind("retried", "42.92", ".92", "fails twice, then succeeds", "PAID"),
    kind("failing", "42.93", ".93", "always fails", "dead-lettered after five receives"),
    kind("long", "42.94", ".94", "takes longer than the visibility timeout", "PAID"),
    kind("refund-retried", "42.95", ".95", "succeeds; its refund fails twice, then succeeds", "PAID"),
];

const fn kind(
    id: &'static str,
    total: &'static str,
    cents: &'static str,
    does: &'static str,
    end: &'static str,
) -> Kind {
    Kind { id, total, cents, does, end }
}

impl Kind {
    pub(crate) fn by_id(id: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.id == id)
    }
}
