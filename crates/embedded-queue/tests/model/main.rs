//! The core beside a model that is too simple to be wrong, over long random sequences of calls and of time: every answer
//! is the same, every counter after every step, and the time at which something will happen next.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail where it stands")]

mod naive;
mod pair;
mod steps;

use pair::Pair;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, max_shrink_iters: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_core_answers_as_the_model_does(seed: u64, steps in prop::collection::vec(steps::step(), 1..200)) {
        let mut pair = Pair::new(seed);
        for step in steps {
            pair.take(step);
        }
    }
}
