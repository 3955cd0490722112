use super::*;
use sqs::batch::OutgoingMessage;

const LEASE: Duration = Duration::from_secs(12);

/// A row whose lease has been taken at `at`.
fn row(number: usize, at: Instant) -> Claimed {
    let message = OutgoingMessage::new("").with_id(format!("{number:03}"));
    Claimed { message, attempts: 0, lease: 1, deadline: at + LEASE, place: None }
}

fn rows(count: usize, at: Instant) -> Vec<Claimed> {
    (0..count).map(|number| row(number, at)).collect()
}

/// A relay that knows of nothing in the table.
fn swept() -> State {
    State { table: Table::Swept, ..State::default() }
}

/// How many rows the next step sends; none: it is another one.
fn sends(state: &mut State, now: Instant) -> Option<usize> {
    match state.next(now) {
        Step::Send(rows) => Some(rows.len()),
        _ => None,
    }
}

fn waits(step: &Step) -> bool {
    matches!(step, Step::Wait(None))
}

#[test]
fn what_is_handed_over_goes_at_once_and_without_a_look_at_the_table() {
    let now = Instant::now();
    let mut state = swept();
    state.push(row(0, now));
    assert_eq!(sends(&mut state, now), Some(1));
    (0..9).for_each(|number| state.push(row(number, now)));
    assert!(waits(&state.next(now)), "nine, and one under way");
    state.push(row(9, now));
    assert_eq!(sends(&mut state, now), Some(10));
    state.push(row(10, now));
    state.call_ended(Ok(()), now);
    state.call_ended(Ok(()), now);
    assert_eq!(sends(&mut state, now), Some(1), "what has gathered goes when the last one is back");
}

#[test]
fn a_row_whose_lease_is_nearly_over_is_dropped() {
    let now = Instant::now();
    let mut state = swept();
    state.push(row(0, now));
    state.push(row(1, now + Duration::from_secs(1)));
    let late = now + LEASE - CALL + Duration::from_millis(1);
    assert_eq!(sends(&mut state, late), Some(1), "the other one's lease is not");
    state.call_ended(Err(Outage), late);
    state.push(row(2, now));
    assert!(!state.is_idle(late));
    state.sweep(late);
    assert_eq!(state.rows.waiting(), 0, "a place in memory is not kept for it either");
    let mut all_late = swept();
    rows(25, now).into_iter().for_each(|row| all_late.push(row));
    assert!(waits(&all_late.next(late)));
    assert!(all_late.at_rest(), "no call has begun for nothing");
}

#[test]
fn the_table_is_looked_at_once_a_sweep_and_again_only_when_more_may_be_there() {
    let now = Instant::now();
    let mut state = State::default();
    assert!(matches!(state.next(now), Step::Claim(CLAIM)), "what an earlier instance has left");
    assert!(waits(&state.next(now)), "one claim at a time");
    state.claimed(CLAIM, rows(3, now));
    assert_eq!(sends(&mut state, now), Some(3));
    assert!(waits(&state.next(now)), "that was all");
    state.sweep(now);
    assert!(matches!(state.next(now), Step::Claim(CLAIM)));
    state.table_due();
    state.claimed(CLAIM, Vec::new());
    assert!(matches!(state.next(now), Step::Claim(CLAIM)), "one was left behind while the claim was under way");
    state.claim_failed();
    assert!(waits(&state.next(now)), "the next sweep tries again");
}

#[test]
fn nothing_is_claimed_while_enough_waits_in_memory() {
    let now = Instant::now();
    let mut state = State::default();
    rows(MAX_CALLS * MAX_ENTRIES + CLAIM, now).into_iter().for_each(|row| state.push(row));
    assert_eq!(std::iter::from_fn(|| sends(&mut state, now)).count(), MAX_CALLS);
    assert!(waits(&state.next(now)), "no more calls at once, no claim");
    state.call_ended(Ok(()), now);
    assert_eq!(sends(&mut state, now), Some(10));
    assert!(matches!(state.next(now), Step::Claim(CLAIM)), "before the calls run out of rows");
}

#[test]
fn after_an_outage_one_call_finds_out_whether_it_is_over() {
    let now = Instant::now();
    let mut state = swept();
    rows(50, now).into_iter().for_each(|row| state.push(row));
    assert_eq!((sends(&mut state, now), sends(&mut state, now)), (Some(10), Some(10)));
    state.call_ended(Err(Outage), now);
    state.call_ended(Err(Outage), now);
    assert!(matches!(state.line, Line::Down { failures: 2, .. }));
    // Not the time that was drawn, which may be none at all.
    let until = now + Duration::from_secs(1);
    state.line = Line::Down { failures: 2, until };
    assert!(matches!(state.next(now), Step::Wait(Some(time)) if time == until));
    assert_eq!(sends(&mut state, until), Some(10));
    assert!(waits(&state.next(until)), "one at a time");
    state.call_ended(Ok(()), until);
    assert_eq!((sends(&mut state, until), sends(&mut state, until)), (Some(10), Some(10)), "it is over");
}

#[test]
fn during_an_outage_a_claim_takes_no_more_than_one_call_can_carry() {
    let now = Instant::now();
    let mut state = swept();
    state.push(row(0, now));
    assert_eq!(sends(&mut state, now), Some(1));
    state.call_ended(Err(Outage), now);
    state.sweep(now);
    let after_the_wait = now + Duration::from_secs(5);
    assert!(matches!(state.next(after_the_wait), Step::Claim(MAX_ENTRIES)));
}

#[test]
fn a_stop_ends_when_memory_is_empty_and_a_claim_was_not_full() {
    let now = Instant::now();
    let mut state = swept();
    rows(25, now).into_iter().for_each(|row| state.push(row));
    state.stop();
    let (mut sent, mut claims) = (0, [CLAIM, CLAIM, 3].into_iter());
    loop {
        match state.next(now) {
            Step::Send(batch) => sent += batch.len(),
            Step::Claim(limit) => state.claimed(limit, rows(claims.next().unwrap_or_default(), now)),
            Step::Wait(until) => {
                assert!(until.is_none() && state.rows.under_way() > 0, "it waits for calls only");
                state.call_ended(Ok(()), now);
            }
            Step::End => break,
        }
    }
    assert_eq!((sent, claims.next(), state.rows.under_way()), (25 + 2 * CLAIM + 3, None, 0));
}

#[test]
fn a_stop_during_an_outage_ends_and_leaves_what_is_in_memory_to_others() {
    let now = Instant::now();
    let mut state = swept();
    rows(20, now).into_iter().for_each(|row| state.push(row));
    assert_eq!(sends(&mut state, now), Some(10));
    assert_eq!(sends(&mut state, now), Some(10));
    rows(7, now).into_iter().for_each(|row| state.push(row));
    state.stop();
    state.line = Line::Down { failures: 1, until: now + Duration::from_secs(1) };
    state.rows.ended();
    assert!(waits(&state.next(now)), "what has begun is awaited");
    state.rows.ended();
    assert!(matches!(state.next(now), Step::End));
    assert_eq!(state.into_rows().len(), 7);
}
