//! The ledger does as the model does: random walks through the model, each step of which that is the ledger's is also taken
//! on the ledger, on a real database. After every step its answer, the row and what is told are the model's.
//!
//! The walks are the same in every run, and the test counts that every way a claim, a renewal and a conclusion can go is
//! among them. They are a sample: it is the model that is explored whole. A lease ends here by a write to its row, not by
//! the clock.

use std::collections::BTreeSet;
use std::time::Duration;

use contracts::{Currency, Event, OrderCreated, PaymentEvent};
use database::Database;
use futures::{StreamExt, stream};
use jiff::Timestamp;
use outbox::Outbox;
use payment_service::ledger::{self, Attempt, Cancellation, Conclusion, Ledger, Settled};
use sqlx::Row as _;
use sqs::TraceContext;
use testbed::{Databases, eventually};
use uuid::Uuid;

use crate::model::{Claimed, Row, RowState, Told, Worker, claim_cancellation, claim_charge, renew};
use crate::world::{Rules, Step, World};

const WALKS: u64 = 160;
const STEPS: usize = 40;
const AT_ONCE: usize = 8;
/// Ends only when the walk says so.
const LEASE: Duration = Duration::from_secs(24 * 60 * 60);

/// The right that a worker has by its claim.
#[derive(Clone, Copy)]
enum Right {
    Charge(Attempt),
    Refund(Cancellation),
}

/// One order, in the model and in the ledger.
struct Twin {
    world: World,
    order: OrderCreated,
    rights: [Option<Right>; 4],
    ledger: Ledger,
    database: Database,
}

/// What is compared of a step, and which ways it has shown.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    /// A claim on a row.
    Claim { ask: &'static str, row: String },
    /// A renewal: of a lease that is under way or over, held or fenced off.
    Renewal { ask: &'static str, leased: bool, held: bool },
    /// A conclusion: of a charge or a refund, yes or no, written or fenced off.
    Conclusion { ask: &'static str, done: bool, written: bool },
}

impl Twin {
    async fn walk(mut self, seed: u64) -> BTreeSet<Way> {
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut walked, mut ways) = (Vec::new(), BTreeSet::new());
        for _ in 0..STEPS {
            let step = random.choice(self.world.steps()).unwrap();
            walked.push(step);
            let after = self.world.after(step, Rules::ALL);
            ways.extend(self.step(step, &after, &walked).await);
            self.world = after;
            self.compare(&walked).await;
        }
        ways
    }

    /// Takes a step on the ledger, and holds what came of it against the model.
    async fn step(&mut self, step: Step, after: &World, walked: &[Step]) -> Option<Way> {
        let trace = TraceContext::root();
        let (row, id) = (self.world.row, self.order.order_id.to_string());
        match step {
            Step::Created(worker) => {
                let expected = claim_charge(&mut row.clone());
                let claimed = self.ledger.claim(self.order.clone(), LEASE, trace).await.unwrap();
                assert_eq!(outcome(&claimed), expected, "{walked:?}");
                self.rights[worker] = won(claimed).map(Right::Charge);
                Some(Way::Claim { ask: "charge", row: format!("{row:?}") })
            }
            Step::Cancelled(worker) => {
                let expected = claim_cancellation(&mut row.clone(), true);
                let claimed = self.ledger.cancel(self.order.clone(), LEASE, trace).await.unwrap();
                assert_eq!(outcome(&claimed), expected, "{walked:?}");
                self.rights[worker] = won(claimed).map(Right::Refund);
                Some(Way::Claim { ask: "refund", row: format!("{row:?}") })
            }
            Step::AnswerLost(worker, _) => {
                let released = self.ledger.release(self.rights[worker].take().unwrap().attempt()).await.unwrap();
                assert_eq!(released, self.world.is_newest(worker), "{walked:?}");
                None
            }
            Step::Renew(worker) => {
                let right = self.rights[worker].unwrap();
                let held = self.ledger.renew(right.attempt(), LEASE).await.unwrap();
                assert_eq!(held, renew(&mut row.clone(), self.world.is_newest(worker)), "{walked:?}");
                self.rights[worker] = held.then_some(right);
                Some(Way::Renewal { ask: right.name(), leased: row.is_some_and(|row| row.leased), held })
            }
            Step::Conclude(worker) => {
                let Worker::At { answer: Some(done), newest, .. } = self.world.workers[worker] else { unreachable!() };
                let right = self.rights[worker].take().unwrap();
                let settled = self.ledger.settle(right.attempt(), right.conclusion(done), trace).await.unwrap();
                assert_eq!(settled == Settled::Now, newest, "{walked:?}");
                assert!(!newest || after.row != row, "{walked:?}");
                Some(Way::Conclusion { ask: right.name(), done, written: newest })
            }
            Step::Die(worker) => {
                self.rights[worker] = None;
                None
            }
            Step::LeaseEnds => {
                let end = || sqlx::query("UPDATE payments SET lease_until = 0 WHERE order_id = $1").bind(&id);
                let reads = self.database.reads();
                eventually("the lease is over", async || end().execute(reads).await.ok()).await;
                None
            }
            // The client's, the provider's and the order service's: the ledger has no part in them.
            Step::Cancel | Step::Ask(..) | Step::Result(_) => None,
        }
    }

    async fn compare(&self, walked: &[Step]) {
        let id = self.order.order_id.to_string();
        let find = || sqlx::query("SELECT state, lease_until FROM payments WHERE order_id = $1").bind(&id);
        // A read has an end, which on a slow machine may come before its rows.
        let row = eventually("the row", async || find().fetch_optional(self.database.reads()).await.ok()).await;
        let row = row.map(|row| {
            let state = row.get::<String, _>("state");
            let is_open = ["CHARGING", "CANCELLING"].contains(&state.as_str());
            let leased = is_open && row.get::<i64, _>("lease_until") > Timestamp::now().as_millisecond();
            (state, leased)
        });
        let expected = self.world.row.map(|Row { state, leased }| (name(state).to_owned(), leased));
        assert_eq!(row, expected, "{walked:?}");

        let told_of = || sqlx::query_scalar("SELECT body FROM outbox WHERE subject = $1").bind(&id);
        let read = async || told_of().fetch_all(self.database.reads()).await.ok();
        let bodies: Vec<String> = eventually("what is told", read).await;
        let mut told = [false; 4];
        for body in bodies {
            let is = kind(&Event::<PaymentEvent>::decode(&body).unwrap().payload);
            assert!(!std::mem::replace(&mut told[is as usize], true), "one event for one end: {walked:?}");
        }
        assert_eq!(told, self.world.told, "{walked:?}");
    }
}

impl Right {
    fn attempt(self) -> Attempt {
        match self {
            Self::Charge(attempt) => attempt,
            Self::Refund(cancellation) => cancellation.attempt,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Charge(_) => "charge",
            Self::Refund(_) => "refund",
        }
    }

    fn conclusion(self, done: bool) -> Conclusion {
        match self {
            Self::Charge(_) if done => Conclusion::Succeeded { charge_id: "charge".to_owned() },
            Self::Charge(_) => Conclusion::Declined { reason: "insufficient funds".to_owned() },
            Self::Refund(cancellation) if done => cancellation.refunded("refund".to_owned()),
            Self::Refund(cancellation) => cancellation.voided(),
        }
    }
}

fn outcome<Right: std::fmt::Debug>(claimed: &ledger::Claimed<Right>) -> Claimed {
    match claimed {
        ledger::Claimed::Won(_) => Claimed::Won,
        ledger::Claimed::Concluded(conclusion) => Claimed::Ended(match conclusion {
            Conclusion::Succeeded { .. } => Told::Succeeded,
            Conclusion::Declined { .. } => Told::Declined,
            Conclusion::Cancelled { .. } => Told::Cancelled,
            Conclusion::Refunded { .. } => Told::Refunded,
        }),
        ledger::Claimed::Overtaken => Claimed::Overtaken,
        ledger::Claimed::Busy(_) => Claimed::Busy,
        other => panic!("not of this protocol: {other:?}"),
    }
}

fn won<Right>(claimed: ledger::Claimed<Right>) -> Option<Right> {
    if let ledger::Claimed::Won(right) = claimed { Some(right) } else { None }
}

fn kind(event: &PaymentEvent) -> Told {
    match event {
        PaymentEvent::Succeeded(_) => Told::Succeeded,
        PaymentEvent::Declined(_) => Told::Declined,
        PaymentEvent::Cancelled(_) => Told::Cancelled,
        PaymentEvent::Refunded(_) => Told::Refunded,
    }
}

fn name(state: RowState) -> &'static str {
    match state {
        RowState::Charging => "CHARGING",
        RowState::Succeeded => "SUCCEEDED",
        RowState::Declined => "DECLINED",
        RowState::Cancelling => "CANCELLING",
        RowState::Cancelled => "CANCELLED",
        RowState::Refunded => "REFUNDED",
    }
}

#[tokio::test]
async fn the_ledger_takes_every_step_as_the_model_does() {
    let databases = Databases::new();
    let database = Database::open(&databases.create().await, &ledger::MIGRATIONS).await.unwrap();
    let ledger = Ledger::new(database.clone(), Outbox::new(database.clone(), usize::MAX));
    let walks = stream::iter(0..WALKS).map(|seed| {
        let order = OrderCreated {
            order_id: Uuid::now_v7(),
            user_id: "dev-user".to_owned(),
            amount: 4200,
            currency: Currency::USD,
        };
        let (world, rights) = (World::new(), [None; 4]);
        Twin { world, order, rights, ledger: ledger.clone(), database: database.clone() }.walk(seed)
    });
    let ways: BTreeSet<Way> = walks.buffer_unordered(AT_ONCE).flat_map(stream::iter).collect().await;
    let claims = ways.iter().filter(|way| matches!(way, Way::Claim { .. })).count();
    // No row, two states with and without a lease, four ends; by a charge and by a cancellation.
    assert_eq!(claims, 2 * 9, "{ways:#?}");
    let renewals = ways.iter().filter(|way| matches!(way, Way::Renewal { .. })).count();
    // Of a charge and a refund, in time and late, held and fenced off.
    assert_eq!(renewals, 2 * 2 * 2, "{ways:#?}");
    // A charge and a refund, yes and no, written and fenced off.
    assert_eq!(ways.len() - claims - renewals, 2 * 2 * 2, "{ways:#?}");
    database.close().await;
}
