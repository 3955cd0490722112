//! The built-in provider: the cents of the total decide, so that every path can be provoked with curl.

use std::time::Duration;

use tokio::time::sleep;

use super::{Answer, Charge};

const SLOW: Duration = Duration::from_secs(5);
/// `.92` fails this often before it succeeds.
const FAILURES: i64 = 2;

/// Decides by the cents; remembers nothing, so the same charge always has the same answer.
pub struct Simulator {
    visibility_timeout: Duration,
}

impl Simulator {
    /// A provider whose `.94` takes longer than `visibility_timeout`.
    pub fn new(visibility_timeout: Duration) -> Self {
        Self { visibility_timeout }
    }

    pub(super) async fn charge(&self, charge: &Charge) -> Answer {
        let succeeded = Answer::Succeeded { charge_id: format!("simulated-{}", charge.order_id) };
        let failed = || Answer::Failed { reason: "the simulated provider failed".to_owned(), after: None };
        match charge.amount % 100 {
            90 => Answer::Declined { reason: "insufficient funds".to_owned() },
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
}
