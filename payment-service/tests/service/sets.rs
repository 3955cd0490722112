//! Claims, renewals and conclusions that are written together, by one statement: each is answered as if it had been alone.

use std::time::Duration;

use contracts::OrderCreated;
use database::WriteError;
use futures::future::{join, join_all};
use outbox::Outbox;
use payment_service::ledger::{Attempt, Claimed, Conclusion, Ledger, Settled};
use sqlx::{AnyConnection, AssertSqlSafe, Connection};
use sqs::TraceContext;

use crate::Scene;
use crate::scene::order;

const LEASE: Duration = Duration::from_secs(60);

fn ledger(scene: &Scene) -> Ledger {
    Ledger::new(scene.books(), Outbox::new(scene.books(), usize::MAX))
}

async fn claim(ledger: &Ledger, order: &OrderCreated) -> Result<Claimed<Attempt>, WriteError> {
    ledger.claim(order.clone(), LEASE, TraceContext::root()).await
}

async fn claim_all(ledger: &Ledger, orders: &[OrderCreated]) -> Vec<Attempt> {
    let claimed = join_all(orders.iter().map(|order| claim(ledger, order))).await;
    let won = claimed.into_iter().map(|claimed| match claimed.unwrap() {
        Claimed::Won(attempt) => attempt,
        other => panic!("{other:?}"),
    });
    won.collect()
}

#[tokio::test]
async fn of_claims_to_one_order_that_come_together_one_is_won() {
    let scene = Scene::set().await;
    let ledger = ledger(&scene);
    let orders: Vec<_> = (0..10).map(|_| order(4200)).collect();
    let claimed = join_all((0..100).map(|number| claim(&ledger, &orders[number % 10]))).await;
    let mut won = 0;
    for (number, claimed) in claimed.into_iter().enumerate() {
        match claimed.unwrap() {
            Claimed::Won(attempt) => {
                assert_eq!((attempt.order_id, attempt.number), (orders[number % 10].order_id, 1));
                won += 1;
            }
            Claimed::Busy(left) => assert!(left <= LEASE && !left.is_zero(), "{left:?}"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(won, 10);
}

#[tokio::test]
async fn each_conclusion_of_a_set_is_fenced_by_its_own_attempt() {
    let scene = Scene::set().await;
    let ledger = ledger(&scene);
    let orders: Vec<_> = (0..40).map(|_| order(4200)).collect();
    let stale = claim_all(&ledger, &orders).await;
    // Every other row is claimed by somebody else meanwhile.
    let taken: Vec<_> = stale.iter().step_by(2).map(|attempt| ledger.release(*attempt)).collect();
    assert!(join_all(taken).await.into_iter().all(Result::unwrap));
    let others: Vec<_> = orders.iter().step_by(2).cloned().collect();
    let current = claim_all(&ledger, &others).await;
    assert!(current.iter().all(|attempt| attempt.number == 2));

    let renewed = join_all(stale.iter().map(|attempt| ledger.renew(*attempt, LEASE))).await;
    let renewed: Vec<bool> = renewed.into_iter().map(Result::unwrap).collect();
    assert_eq!(renewed, [false, true].repeat(20));
    let declined = |number: usize| Conclusion::Declined { reason: format!("reason {number}") };
    let settled = join_all(
        stale
            .iter()
            .enumerate()
            .map(|(number, attempt)| ledger.settle(*attempt, declined(number), TraceContext::root())),
    );
    let settled: Vec<Settled> = settled.await.into_iter().map(Result::unwrap).collect();
    assert_eq!(settled, [Settled::Fenced, Settled::Now].repeat(20));
    assert_eq!(scene.outbox().await, 20, "no result of one that was fenced");
    let charged = |attempt: &Attempt| Conclusion::Succeeded { charge_id: format!("charge {}", attempt.order_id) };
    let settled =
        join_all(current.iter().map(|attempt| ledger.settle(*attempt, charged(attempt), TraceContext::root())));
    assert!(settled.await.into_iter().all(|settled| settled.unwrap() == Settled::Now));

    for (number, order) in orders.iter().enumerate() {
        let row = scene.row(order).await;
        if number % 2 == 0 {
            assert_eq!((&*row.state, row.attempt), ("SUCCEEDED", 2));
            assert_eq!(row.charge_id, Some(format!("charge {}", order.order_id)), "its own");
        } else {
            assert_eq!((&*row.state, row.attempt), ("DECLINED", 1));
        }
        let conclusion = match claim(&ledger, order).await.unwrap() {
            Claimed::Concluded(conclusion) => conclusion,
            other => panic!("{other:?}"),
        };
        if number % 2 == 1 {
            assert_eq!(conclusion, declined(number));
        }
    }
    assert_eq!(scene.outbox().await, 40, "what is waiting already is not told twice");
}

#[tokio::test]
async fn a_conclusion_that_the_database_refuses_fails_alone() {
    let scene = Scene::set().await;
    let ledger = ledger(&scene);
    let orders: Vec<_> = (0..40).map(|_| order(4200)).collect();
    let attempts = claim_all(&ledger, &orders).await;
    // PostgreSQL has no text with such a character; SQLite has.
    let reason = |number| if number == 17 { "not\0printable".to_owned() } else { "insufficient funds".to_owned() };
    let settled = join_all((0..).zip(&attempts).map(|(number, attempt)| {
        ledger.settle(*attempt, Conclusion::Declined { reason: reason(number) }, TraceContext::root())
    }));
    let on_sqlite = scene.database_url.starts_with("sqlite");
    for (settled, number) in settled.await.into_iter().zip(0..) {
        match settled {
            Ok(settled) => assert!(settled == Settled::Now && (number != 17 || on_sqlite), "{number}"),
            Err(error) => {
                assert!(number == 17 && !on_sqlite && !error.is_outage() && !error.is_locked(), "{number}: {error}");
            }
        }
    }
    let told = if on_sqlite { 40 } else { 39 };
    assert_eq!(scene.outbox().await, told);
    if on_sqlite {
        let conclusion = claim(&ledger, &orders[17]).await.unwrap();
        assert_eq!(conclusion, Claimed::Concluded(Conclusion::Declined { reason: reason(17) }), "whole");
    }
}

#[tokio::test]
async fn claims_and_conclusions_whose_row_somebody_else_holds_fail_alone() {
    let scene = Scene::set().await;
    if scene.database_url.starts_with("sqlite") {
        return; // No lock on rows.
    }
    let ledger = ledger(&scene);
    let (claimed, new): (Vec<_>, Vec<_>) =
        ((0..20).map(|_| order(4200)).collect(), (0..20).map(|_| order(4200)).collect());
    let attempts = claim_all(&ledger, &claimed).await;
    let mut outsider = AnyConnection::connect(&scene.database_url).await.unwrap();
    let hold = format!(
        "BEGIN; UPDATE payments SET amount = amount WHERE order_id = '{}'; \
         INSERT INTO payments VALUES ('{}', 'p', 1, 'USD', 'CHARGING', 1, 0, NULL, NULL, 0, 0)",
        claimed[7].order_id, new[7].order_id
    );
    sqlx::raw_sql(AssertSqlSafe(hold)).execute(&mut outsider).await.unwrap();
    let charged = || Conclusion::Succeeded { charge_id: "charge".to_owned() };
    let settled = join_all(attempts.iter().map(|attempt| ledger.settle(*attempt, charged(), TraceContext::root())));
    let (settled, won) = join(settled, join_all(new.iter().map(|order| claim(&ledger, order)))).await;
    for (number, (settled, won)) in settled.into_iter().zip(won).enumerate() {
        if number == 7 {
            assert!(settled.unwrap_err().is_locked() && won.unwrap_err().is_locked());
        } else {
            assert!(matches!((settled.unwrap(), won.unwrap()), (Settled::Now, Claimed::Won(_))));
        }
    }
    sqlx::raw_sql("ROLLBACK").execute(&mut outsider).await.unwrap();
    let again = ledger.settle(attempts[7], charged(), TraceContext::root()).await.unwrap();
    assert_eq!(again, Settled::Now, "the attempt still has it");
    assert!(matches!(claim(&ledger, &new[7]).await.unwrap(), Claimed::Won(_)));
}
