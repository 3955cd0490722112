//! What can happen: time, and calls of every kind that changes something.

use proptest::option;
use proptest::prelude::*;

use crate::naive::{DLQ, NAMES};

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Wait(u64),
    Create {
        queue: usize,
        visibility_timeout: Option<u32>,
    },
    DeleteQueue {
        queue: usize,
    },
    SetDelay {
        queue: usize,
        seconds: u32,
    },
    SetVisibilityTimeout {
        queue: usize,
        seconds: u32,
    },
    SetRetention {
        queue: usize,
        seconds: u32,
    },
    SetRedrive {
        queue: usize,
        redrive: Option<u32>,
    },
    Purge {
        queue: usize,
    },
    Send {
        queue: usize,
        group: Option<u8>,
        delay: Option<u32>,
    },
    SendBatch {
        queue: usize,
        groups: Vec<Option<u8>>,
    },
    Receive {
        queue: usize,
        most: usize,
        timeout: Option<u32>,
    },
    /// `receipt` is one of those that were given, counted from the latest.
    Delete {
        receipt: usize,
        queue: Option<usize>,
    },
    DeleteBatch {
        receipts: Vec<usize>,
    },
    Change {
        receipt: usize,
        queue: Option<usize>,
        timeout: u32,
    },
    ChangeBatch {
        receipts: Vec<usize>,
        timeout: u32,
    },
    StartMove {
        destination: Option<usize>,
        per_second: Option<u32>,
    },
    CancelMove,
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let queue = || 0..NAMES.len();
    let group = || option::weighted(0.4, 0..3u8);
    let timeout = || prop_oneof![3 => 0..4u32, 1 => 5..60u32, 1 => Just(43_200)];
    let receipt = || prop_oneof![3 => 0..4usize, 1 => 0..40usize];
    let time = prop_oneof![4 => 0..3u64, 4 => 1..3000u64, 2 => 3000..70_000u64, 1 => Just(43_200_000)];
    let destination = option::of(prop_oneof![Just(0), Just(2)]);
    prop_oneof![
        8 => time.prop_map(Step::Wait),
        2 => (queue(), option::weighted(0.2, timeout()))
            .prop_map(|(queue, visibility_timeout)| Step::Create { queue, visibility_timeout }),
        1 => queue().prop_map(|queue| Step::DeleteQueue { queue }),
        1 => (queue(), 0..5u32).prop_map(|(queue, seconds)| Step::SetDelay { queue, seconds }),
        1 => (queue(), timeout()).prop_map(|(queue, seconds)| Step::SetVisibilityTimeout { queue, seconds }),
        1 => (queue(), prop_oneof![Just(60), Just(100_000)])
            .prop_map(|(queue, seconds)| Step::SetRetention { queue, seconds }),
        2 => (prop_oneof![Just(0), Just(2), Just(DLQ)], option::weighted(0.8, 1..3u32))
            .prop_map(|(queue, redrive)| Step::SetRedrive { queue, redrive }),
        1 => queue().prop_map(|queue| Step::Purge { queue }),
        10 => (queue(), group(), option::weighted(0.3, 0..4u32))
            .prop_map(|(queue, group, delay)| Step::Send { queue, group, delay }),
        4 => (queue(), prop::collection::vec(group(), 1..=10)).prop_map(|(queue, groups)| Step::SendBatch { queue, groups }),
        16 => (queue(), 1..=10usize, option::of(timeout()))
            .prop_map(|(queue, most, timeout)| Step::Receive { queue, most, timeout }),
        6 => (receipt(), option::weighted(0.1, queue())).prop_map(|(receipt, queue)| Step::Delete { receipt, queue }),
        2 => prop::collection::vec(receipt(), 1..=10).prop_map(|receipts| Step::DeleteBatch { receipts }),
        6 => (receipt(), option::weighted(0.1, queue()), timeout())
            .prop_map(|(receipt, queue, timeout)| Step::Change { receipt, queue, timeout }),
        2 => (prop::collection::vec(receipt(), 1..=10), timeout())
            .prop_map(|(receipts, timeout)| Step::ChangeBatch { receipts, timeout }),
        2 => (destination, option::weighted(0.7, 1..5u32))
            .prop_map(|(destination, per_second)| Step::StartMove { destination, per_second }),
        1 => Just(Step::CancelMove),
    ]
}
