//! Batch calls that are full without anybody waiting for them.
//!
//! A first call begins at once, whatever it carries. While calls are under way, a further one begins only if it is full, by
//! count or by bytes; when the last one is back, what has gathered goes. So a lone entry has no delay, and under load every
//! call carries as much as it may.
//!
//! This is the rule alone: it asks nothing and waits for nothing. Whoever makes the calls says when they begin and end.

use std::collections::VecDeque;

use crate::batch::{MAX_BYTES, MAX_ENTRIES};

/// Entries of one kind of batch call: those that wait for one, and how many calls are under way.
#[derive(Debug)]
pub struct Gathering<E> {
    /// Each with its size in bytes.
    waiting: VecDeque<(E, usize)>,
    under_way: usize,
}

impl<E> Default for Gathering<E> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), under_way: 0 }
    }
}

impl<E> Gathering<E> {
    /// Has `entry`, which counts for so many bytes, wait behind all others.
    pub fn push(&mut self, entry: E, bytes: usize) {
        self.waiting.push_back((entry, bytes));
    }

    /// How many entries wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How many calls are under way.
    pub fn under_way(&self) -> usize {
        self.under_way
    }

    /// Whether enough waits to fill a call.
    pub fn is_full(&self) -> bool {
        let next = self.next_call();
        next == MAX_ENTRIES || next < self.waiting.len()
    }

    /// Begins a call with the entries that have waited longest, if the rule says so and fewer than `most` are under way. To
    /// be asked again until there is none.
    pub fn begin(&mut self, most: usize) -> Option<Vec<E>> {
        let worth_a_call = !self.waiting.is_empty() && (self.under_way == 0 || self.is_full());
        if self.under_way >= most || !worth_a_call {
            return None;
        }
        self.under_way += 1;
        self.take()
    }

    /// A call has begun that carries none of these entries.
    pub fn begin_other(&mut self) {
        self.under_way += 1;
    }

    /// A call that had begun is over.
    pub fn ended(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// Takes what fills a call, or all that waits if that is less, without counting a call; for those who make one at a time.
    pub fn take(&mut self) -> Option<Vec<E>> {
        let next = self.next_call();
        (next > 0).then(|| self.waiting.drain(..next).map(|(entry, _)| entry).collect())
    }

    /// Lets go of the waiting entries that are not worth keeping.
    pub fn retain(&mut self, mut keep: impl FnMut(&E) -> bool) {
        self.waiting.retain(|(entry, _)| keep(entry));
    }

    /// How many entries the next call takes: up to both limits of SQS. One that is too large for any call goes alone.
    fn next_call(&self) -> usize {
        let mut room = MAX_BYTES;
        let fits = |(_, bytes): &&(E, usize)| {
            let left = room.checked_sub(*bytes);
            room = left.unwrap_or(room);
            left.is_some()
        };
        let fitting = self.waiting.iter().take(MAX_ENTRIES).take_while(fits).count();
        fitting.max(1).min(self.waiting.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(entries: usize) -> Gathering<usize> {
        let mut gathering = Gathering::default();
        (0..entries).for_each(|entry| gathering.push(entry, 1));
        gathering
    }

    #[test]
    fn a_first_call_begins_at_once_and_further_ones_only_full() {
        let mut gathering = of(1);
        assert_eq!(gathering.begin(4), Some(vec![0]));
        (1..MAX_ENTRIES).for_each(|entry| gathering.push(entry, 1));
        assert_eq!(gathering.begin(4), None, "nine");
        gathering.push(MAX_ENTRIES, 1);
        assert_eq!(gathering.begin(4).map(|call| call.len()), Some(MAX_ENTRIES));
    }

    #[test]
    fn when_the_last_call_is_back_what_has_gathered_goes() {
        let mut gathering = of(2 * MAX_ENTRIES + 3);
        assert!(gathering.begin(4).is_some() && gathering.begin(4).is_some());
        gathering.ended();
        assert_eq!(gathering.begin(4), None, "one is still under way");
        gathering.ended();
        assert_eq!(gathering.begin(4).map(|call| call.len()), Some(3));
    }

    #[test]
    fn no_more_calls_than_allowed_are_under_way() {
        let mut gathering = of(10 * MAX_ENTRIES);
        let begun = std::iter::from_fn(|| gathering.begin(4)).count();
        assert_eq!((begun, gathering.under_way()), (4, 4));
        assert_eq!(gathering.begin(0), None);
    }

    #[test]
    fn a_call_is_full_by_its_bytes_too() {
        let mut gathering = of(1);
        assert!(gathering.begin(4).is_some());
        gathering.push(1, MAX_BYTES);
        assert_eq!(gathering.begin(4), None, "there may be room for an entry without a body");
        gathering.push(2, 1);
        assert_eq!(gathering.begin(4), Some(vec![1]));
    }

    proptest! {
        #[test]
        fn calls_keep_the_order_and_both_limits_and_none_is_cut_short(
            sizes in prop::collection::vec(prop_oneof![0usize..500, 0..300_000usize, 900_000..1_200_000usize], 0..40),
        ) {
            let mut gathering = Gathering::default();
            sizes.iter().enumerate().for_each(|entry| gathering.push(entry, *entry.1));
            let calls: Vec<Vec<(usize, &usize)>> = std::iter::from_fn(|| gathering.take()).collect();
            prop_assert_eq!(calls.concat(), sizes.iter().enumerate().collect::<Vec<_>>());
            let total = |call: &[(usize, &usize)]| call.iter().map(|(_, bytes)| **bytes).sum::<usize>();
            for call in &calls {
                prop_assert!((1..=MAX_ENTRIES).contains(&call.len()));
                prop_assert!(call.len() == 1 || total(call) <= MAX_BYTES);
            }
            for pair in calls.windows(2) {
                prop_assert!(pair[0].len() == MAX_ENTRIES || total(&pair[0]) + pair[1][0].1 > MAX_BYTES);
            }
        }
    }
}
