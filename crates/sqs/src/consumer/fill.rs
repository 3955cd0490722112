//! How many messages a receive is likely to bring.
//!
//! A receive takes as many slots as it asks for messages, for as long as it is open. SQS often answers with fewer than are
//! there (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html>): then
//! the rest of the slots have been empty for nothing. So where slots are scarce, a receive asks for little more than the
//! receives before it have brought.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::batch::MAX_ENTRIES;

/// An estimate that all pollers of a consumer share: it rises by two with each receive that brings all that it has asked
/// for, and falls by one with each that brings fewer.
#[derive(Debug)]
pub(super) struct Fill(AtomicUsize);

impl Fill {
    pub(super) fn new() -> Self {
        Self(AtomicUsize::new(MAX_ENTRIES))
    }

    /// How many messages to ask for where slots are scarce.
    pub(super) fn expected(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Takes note of what a receive has brought. That it has brought nothing says only that the queue is empty: what comes
    /// next may be many.
    pub(super) fn brought(&self, messages: usize, asked: usize) {
        let next = |expected: usize| match messages {
            0 => MAX_ENTRIES,
            all if all >= asked => (expected.max(asked) + 2).min(MAX_ENTRIES),
            some => (expected - 1).max(some + 1).min(MAX_ENTRIES),
        };
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |expected| Some(next(expected)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receive_asks_for_little_more_than_those_before_it_have_brought() {
        let fill = Fill::new();
        assert_eq!(fill.expected(), 10);
        (0..20).for_each(|_| fill.brought(2, fill.expected()));
        assert_eq!(fill.expected(), 3);
        (0..3).for_each(|_| fill.brought(fill.expected(), fill.expected()));
        assert_eq!(fill.expected(), 9);
        fill.brought(9, 10);
        assert_eq!(fill.expected(), 10);
    }

    #[test]
    fn a_receive_that_had_few_slots_to_ask_for_says_nothing_against_more() {
        let fill = Fill::new();
        fill.brought(1, 1);
        assert_eq!(fill.expected(), 10);
    }

    #[test]
    fn after_an_empty_queue_a_receive_asks_for_as_many_as_it_can_carry() {
        let fill = Fill::new();
        (0..20).for_each(|_| fill.brought(1, 10));
        fill.brought(0, 10);
        assert_eq!(fill.expected(), 10);
    }
}
