//! The protocol of one order (charge, cancel, refund) in every order of events.
//!
//! `model` and `world` say what can happen, `explore` visits all of it, `same` shows that the ledger does as the model does.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail where it stands")]

mod explore;
mod model;
mod same;
mod world;

use explore::{Counterexample, explore};
use model::Told;
use world::{Rules, Step};

#[test]
fn in_every_order_of_events_the_money_and_the_statuses_agree_and_every_order_can_still_end() {
    let explored = explore(Rules::ALL).unwrap();
    println!("{} states, up to {} steps deep", explored.states(), explored.depth);
    assert!(explored.states() > 1_000, "that is not all of it");
    assert!(explored.stuck().is_none(), "{:?}", explored.stuck());
}

/// The shortest way to a state that must not be.
fn counterexample(rules: Rules) -> (&'static str, Vec<Step>) {
    let Err(Counterexample { fault, steps }) = explore(rules) else { panic!("nothing happens without it") };
    println!("{fault}: {steps:?}");
    (fault, steps)
}

#[test]
fn without_the_fence_a_paused_worker_overwrites_what_came_after_it() {
    let (fault, steps) = counterexample(Rules { fence: false, ..Rules::ALL });
    // Whose conclusion it is: one that was claimed before the newest claim.
    let concluded = steps.iter().rev().find(|step| matches!(step, Step::Conclude(_)));
    assert!(concluded.is_some(), "{fault}: {steps:?}");
    assert!(steps.contains(&Step::LeaseEnds), "only who has lost its lease can be overtaken: {steps:?}");
}

#[test]
fn without_the_mark_an_order_that_comes_after_its_cancellation_is_charged() {
    let (fault, steps) = counterexample(Rules { mark: false, ..Rules::ALL });
    assert_eq!(fault, "CANCELLED, and it was charged");
    let at = |wanted: fn(&Step) -> bool| steps.iter().position(wanted).unwrap();
    let cancelled = at(|step| matches!(step, Step::Cancelled(_)));
    assert!(cancelled < at(|step| matches!(step, Step::Ask(..) | Step::AnswerLost(..))), "{steps:?}");
    assert!(steps.contains(&Step::Result(Told::Cancelled)), "{steps:?}");
}

#[test]
fn without_the_key_of_the_charge_an_order_is_charged_twice() {
    let (fault, _) = counterexample(Rules { charge_key: false, ..Rules::ALL });
    assert_eq!(fault, "charged twice");
}

#[test]
fn without_the_key_of_the_refund_an_order_is_refunded_twice() {
    let (fault, _) = counterexample(Rules { refund_key: false, ..Rules::ALL });
    assert_eq!(fault, "refunded twice");
}
