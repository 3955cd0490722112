//! The built-in provider: the cents of the total decide, so that every path can be provoked with curl.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::sleep;

use super::{Charge, Charged, Refund, Refunded, Trouble};

const SLOW: Duration = Duration::from_secs(5);
/// `.92` fails this often before it succeeds, and so does the refund of `.95`.
const FAILURES: i64 = 2;

/// Takes the simulated provider away and gives it back; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Presence {
    away: Arc<AtomicBool>,
}

impl Presence {
    /// From now on it charges nobody.
    pub fn take_away(&self) {
        self.away.store(true, Ordering::Relaxed);
    }

    /// From now on it charges again.
    pub fn give_back(&self) {
        self.away.store(false, Ordering::Relaxed);
    }

    /// Whether it charges nobody.
    pub fn is_away(&self) -> bool {
        self.away.load(Ordering::Relaxed)
    }

    fn check(&self) -> Result<(), Trouble> {
        let trouble = || Trouble::Away { reason: "the simulated provider is away".to_owned(), after: None };
        if self.is_away() { Err(trouble()) } else { Ok(()) }
    }
}

/// Decides by the cents; remembers nothing, so the same charge always has the same answer.
pub struct Simulator {
    visibility_timeout: Duration,
    presence: Presence,
}

impl Simulator {
    /// A provider whose `.94` takes longer than `visibility_timeout`.
    pub fn new(visibility_timeout: Duration, presence: Presence) -> Self {
        Self { visibility_timeout, presence }
    }

    pub(super) async fn charge(&self, charge: &Charge) -> Result<Charged, Trouble> {
        self.presence.check()?;
        let succeeded = Ok(Charged::Succeeded { charge_id: format!("simulated-{}", charge.order_id) });
        match charge.amount % 100 {
            90 => Ok(Charged::Declined { reason: "insufficient funds".to_owned() }),
            91 => {
                sleep(SLOW).await;
                succeeded
            }
            92 if charge.attempt <= FAILURES => failed(),
            93 => failed(),
            94 => {
                sleep(self.visibility_timeout.mul_f64(1.5)).await;
                succeeded
            }
            _ => succeeded,
        }
    }

    /// What has been charged, it knows from the ledger: nobody's money has moved.
    pub(super) async fn refund(&self, refund: &Refund) -> Result<Refunded, Trouble> {
        self.presence.check()?;
        match refund.amount % 100 {
            _ if !refund.charged => Ok(Refunded::Voided),
            95 if refund.attempt <= FAILURES => failed(),
            _ => Ok(Refunded::Refunded { id: format!("simulated-refund-{}", refund.order_id) }),
        }
    }
}

fn failed<T>() -> Result<T, Trouble> {
    Err(Trouble::failed("the simulated provider failed".to_owned()))
}
