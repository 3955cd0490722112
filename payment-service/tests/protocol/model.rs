//! The protocol of one order as a state machine that is small enough to be explored whole: its row in the ledger, four
//! workers, the provider, the messages and the order's status.
//!
//! The adversary is as strong as SQS and the machines allow, and stronger. A message, once sent, may be delivered at any time
//! and any number of times, to several workers at once, in any order. A lease may end at any time, while its holder goes on
//! unaware, or renews it late. A worker may die between any two steps. An answer of the provider may be lost after its
//! effect.
//!
//! Fencing numbers only grow, so a number is either the row's or an old one: that is all that is kept of them.

/// How far the ledger's row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum RowState {
    Charging,
    Succeeded,
    Declined,
    Cancelling,
    Cancelled,
    Refunded,
}

/// The order's row in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Row {
    pub(crate) state: RowState,
    /// Whether the latest attempt still has its lease.
    pub(crate) leased: bool,
}

/// What the payment service tells of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Told {
    Succeeded,
    Declined,
    Cancelled,
    Refunded,
}

/// What a worker may do after a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claimed {
    /// Ask the provider: it has the newest number and the lease.
    Won,
    /// Nothing more: this is told, again or for the first time.
    Ended(Told),
    /// Nothing now: somebody else has the lease.
    Busy,
    /// Nothing more: the cancellation tells what becomes of it.
    Overtaken,
}

/// Claims the row to charge the order.
pub(crate) fn claim_charge(row: &mut Option<Row>) -> Claimed {
    match row {
        None => {
            *row = Some(Row { state: RowState::Charging, leased: true });
            Claimed::Won
        }
        Some(row) => match row.state {
            RowState::Charging if row.leased => Claimed::Busy,
            RowState::Charging => {
                row.leased = true;
                Claimed::Won
            }
            RowState::Succeeded => Claimed::Ended(Told::Succeeded),
            RowState::Declined => Claimed::Ended(Told::Declined),
            RowState::Cancelling => Claimed::Overtaken,
            RowState::Cancelled => Claimed::Ended(Told::Cancelled),
            RowState::Refunded => Claimed::Ended(Told::Refunded),
        },
    }
}

/// Claims the row to take the order back. Without the `mark`, a cancellation that comes first leaves nothing behind.
pub(crate) fn claim_cancellation(row: &mut Option<Row>, mark: bool) -> Claimed {
    match row {
        None => {
            *row = mark.then_some(Row { state: RowState::Cancelled, leased: false });
            Claimed::Ended(Told::Cancelled)
        }
        Some(row) => match row.state {
            RowState::Charging | RowState::Cancelling if row.leased => Claimed::Busy,
            // Whether an attempt that has not concluded has charged, only the provider knows.
            RowState::Charging | RowState::Cancelling | RowState::Succeeded => {
                *row = Row { state: RowState::Cancelling, leased: true };
                Claimed::Won
            }
            RowState::Declined | RowState::Cancelled => {
                *row = Row { state: RowState::Cancelled, leased: false };
                Claimed::Ended(Told::Cancelled)
            }
            RowState::Refunded => Claimed::Ended(Told::Refunded),
        },
    }
}

/// What a worker asks the provider for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Ask {
    Charge,
    Refund,
}

/// Concludes an attempt; what is told of it, or none if it is fenced off.
pub(crate) fn conclude(row: &mut Option<Row>, ask: Ask, done: bool, may_write: bool) -> Option<Told> {
    let row = row.as_mut().filter(|_| may_write)?;
    let (state, told) = match (ask, done) {
        (Ask::Charge, true) => (RowState::Succeeded, Told::Succeeded),
        (Ask::Charge, false) => (RowState::Declined, Told::Declined),
        (Ask::Refund, true) => (RowState::Refunded, Told::Refunded),
        (Ask::Refund, false) => (RowState::Cancelled, Told::Cancelled),
    };
    *row = Row { state, leased: false };
    Some(told)
}

/// Renews the lease of an attempt, even one that is over, unless somebody else has claimed the row; whether it is held.
pub(crate) fn renew(row: &mut Option<Row>, newest: bool) -> bool {
    let is_open = |row: &&mut Row| matches!(row.state, RowState::Charging | RowState::Cancelling);
    let held = row.as_mut().filter(|_| newest).filter(is_open);
    held.map(|row| row.leased = true).is_some()
}

/// A worker, and what it is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Worker {
    Idle,
    /// It has claimed the row. `newest`: nobody has claimed it since then. `answer`: what the provider has said; for a charge
    /// whether it is charged, for a refund whether there was something to give back.
    At {
        ask: Ask,
        newest: bool,
        answer: Option<bool>,
    },
}

/// The provider's books on the order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Provider {
    /// Its decision about the charge.
    pub(crate) decision: Option<bool>,
    pub(crate) charges: u8,
    pub(crate) refunds: u8,
    /// The refund found nothing to give back: a later charge is declined.
    pub(crate) voided: bool,
}

impl Provider {
    /// The same decision for the same key. Without the `key`, each is a charge of its own.
    pub(crate) fn charge(&mut self, would: bool, key: bool) -> bool {
        if self.voided {
            return false;
        }
        let again = self.decision.is_some() && key;
        let accepted = *self.decision.get_or_insert(would);
        self.charges += u8::from(accepted && !again);
        accepted
    }

    pub(crate) fn refund(&mut self, key: bool) -> bool {
        let charged = self.decision == Some(true);
        if charged && (self.refunds == 0 || !key) {
            self.refunds += 1;
        }
        self.voided |= !charged;
        charged
    }
}

/// The order, as its client sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Status {
    Pending,
    Paid,
    Declined,
    Cancelling,
    Cancelled,
    Refunded,
}

/// What a result makes of an order's status; none: it contradicts it.
pub(crate) fn settle(status: Status, told: Told) -> Option<Status> {
    match (status, told) {
        (Status::Pending, Told::Succeeded) => Some(Status::Paid),
        (Status::Pending, Told::Declined) => Some(Status::Declined),
        (Status::Cancelling, Told::Cancelled) => Some(Status::Cancelled),
        (Status::Cancelling, Told::Refunded) => Some(Status::Refunded),
        // It was so before the cancellation, which ends by itself.
        (Status::Paid | Status::Cancelling | Status::Refunded, Told::Succeeded) => Some(status),
        (Status::Declined | Status::Cancelling | Status::Cancelled, Told::Declined) => Some(status),
        (Status::Cancelled, Told::Cancelled) | (Status::Refunded, Told::Refunded) => Some(status),
        _ => None,
    }
}
