//! The verdict: what must hold after every scenario, whatever happened in it.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use testbed::eventually;

use crate::load::is_declined;
use crate::{Accepted, Books, PATIENCE, Row, Scene};

/// Nothing moves for so long: what is not finished by then is in a dead-letter queue, or lost.
const QUIET: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(250);

/// Waits until everything is finished, sending dead letters back as an operator would, and then goes through the books.
///
/// `accepted` is all that was promised; the last fault was `over` then, and had been made so often. The services must be
/// running.
pub async fn judge(scene: &Scene, accepted: &[Accepted], repetitions: usize, over: Instant) -> Row {
    assert!(!accepted.is_empty(), "no order was accepted");
    let (redriven, settled) = finish(scene).await;
    let books = eventually("the books", async || Books::read(scene).await.ok()).await;
    let executions = scene.provider.books();
    let mut faults = Vec::new();
    promises_are_kept(accepted, &books, &mut faults);
    money_moved_once(&books, &executions, &mut faults);
    let ended =
        books.orders.values().filter(|(_, status)| !["PENDING", "CANCELLING"].contains(&status.as_str())).count();
    // Dead letters are an end, but not the one that the system is for.
    if redriven * 2 > books.orders.len() {
        faults.push(format!("{redriven} dead letters for {} orders", books.orders.len()));
    }
    let shown = faults.iter().take(20).cloned().collect::<Vec<_>>().join("\n  ");
    assert!(faults.is_empty(), "{} faults:\n  {shown}", faults.len());
    Row {
        repetitions,
        orders: accepted.len(),
        executions: executions.values().map(|entry| entry.executed.len()).sum(),
        duplicates: executions
            .values()
            .map(|entry| entry.asked.saturating_sub(1) + entry.refund_asked.saturating_sub(1))
            .sum(),
        redriven,
        losses: books.orders.len() - ended,
        seconds_to_recover: settled.saturating_duration_since(over).as_secs_f64(),
    }
}

/// Waits until no order is pending and all queues and outboxes are empty; how many dead letters it took, and when the
/// last order ended.
async fn finish(scene: &Scene) -> (usize, Instant) {
    let begun = Instant::now();
    let (mut redriven, mut quiet_since, mut settled) = (0, None, None);
    loop {
        // The database may still be recovering.
        let (pending, waiting) = Books::unfinished(scene).await.unwrap_or((-1, -1));
        let mut queued = 0;
        for queue in ["orders", "payments"] {
            queued += scene.queues.reported(queue).await;
        }
        if pending == 0 {
            settled.get_or_insert_with(Instant::now);
        } else {
            settled = None;
        }
        if waiting != 0 || queued != 0 {
            quiet_since = None;
        } else if quiet_since.get_or_insert_with(Instant::now).elapsed() >= QUIET {
            quiet_since = None;
            let moved = scene.redrive().await;
            redriven += moved;
            if let (0, Some(settled)) = (moved, settled)
                && is_empty(scene).await
            {
                return (redriven, settled);
            }
        }
        let state = format!("{pending} pending, {waiting} in outboxes, {queued} in queues, {redriven} redriven");
        assert!(begun.elapsed() < PATIENCE, "orders without an end: {state}");
        tokio::time::sleep(LOOK).await;
    }
}

async fn is_empty(scene: &Scene) -> bool {
    for queue in ["orders", "payments", "orders-dlq", "payments-dlq"] {
        if scene.queues.reported(queue).await > 0 {
            return false;
        }
    }
    true
}

/// Every 202 has its order, every order its 202, every key one order; each has ended, and as it should.
fn promises_are_kept(accepted: &[Accepted], books: &Books, faults: &mut Vec<String>) {
    let promised: BTreeMap<&str, &Accepted> = accepted.iter().map(|order| (order.order_id.as_str(), order)).collect();
    if promised.len() != accepted.len() {
        faults.push("two keys were answered with the same order".to_owned());
    }
    for (id, order) in &promised {
        let expected: &[&str] = match (order.is_cancelled, is_declined(order.amount)) {
            (true, true) => &["CANCELLED"],
            (true, false) => &["CANCELLED", "REFUNDED"],
            (false, true) => &["DECLINED"],
            (false, false) => &["PAID"],
        };
        match books.orders.get(*id) {
            None => faults.push(format!("{order:?} was promised and is not there")),
            Some((amount, _)) if *amount != order.amount => faults.push(format!("{order:?} is about {amount} now")),
            Some((_, status)) if !expected.contains(&status.as_str()) => {
                faults.push(format!("{order:?} is {status}, not {expected:?}"));
            }
            Some(_) => {}
        }
    }
    for id in books.orders.keys().filter(|id| !promised.contains_key(id.as_str())) {
        faults.push(format!("nobody was told of the order {id}"));
    }
    let keys: HashMap<&str, &str> = books.keys.iter().map(|(key, id)| (key.as_str(), id.as_str())).collect();
    for order in accepted {
        if keys.get(order.key.as_str()) != Some(&order.order_id.as_str()) {
            faults.push(format!("{order:?}: its key has made {:?}", keys.get(order.key.as_str())));
        }
    }
    if keys.len() != accepted.len() {
        faults.push(format!("{} keys for {} orders", keys.len(), accepted.len()));
    }
}

/// Each paid order was charged once, with its own amount and a row in the ledger, and each refunded one was given back what
/// it was charged; nothing else was charged at all. To the cent, what the provider has is what the paid orders say.
fn money_moved_once(books: &Books, executions: &HashMap<String, crate::provider::Entry>, faults: &mut Vec<String>) {
    for (id, (amount, status)) in &books.orders {
        let once = std::slice::from_ref(amount);
        let (state, charged, given_back): (_, &[i64], &[i64]) = match status.as_str() {
            "PAID" => ("SUCCEEDED", once, &[]),
            "REFUNDED" => ("REFUNDED", once, once),
            "CANCELLED" => ("CANCELLED", &[], &[]),
            _ => ("DECLINED", &[], &[]),
        };
        let (executed, refunded) =
            executions.get(id).map_or((&[][..], &[][..]), |entry| (&entry.executed, &entry.refunded));
        if (executed, refunded) != (charged, given_back) {
            faults.push(format!("{id} is {status} with {amount}, was charged {executed:?} and refunded {refunded:?}"));
        }
        if books.payments.get(id) != Some(&(*amount, state.to_owned())) {
            faults.push(format!("{id} is {status}, in the ledger it is {:?}", books.payments.get(id)));
        }
    }
    let sum = |of: fn(&crate::provider::Entry) -> &Vec<i64>| executions.values().flat_map(of).sum::<i64>();
    let has = sum(|entry| &entry.executed) - sum(|entry| &entry.refunded);
    let paid: i64 = books.orders.values().filter(|(_, status)| status == "PAID").map(|(amount, _)| amount).sum();
    if has != paid {
        faults.push(format!("the provider has {has}, and {paid} is paid"));
    }
    for (id, entry) in executions.iter().filter(|(id, _)| !books.orders.contains_key(*id)) {
        faults.push(format!("{id} was charged {:?}, and there is no such order", entry.executed));
    }
    for id in books.payments.keys().filter(|id| !books.orders.contains_key(*id)) {
        faults.push(format!("{id} is in the ledger, and there is no such order"));
    }
}
