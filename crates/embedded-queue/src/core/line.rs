//! The visible messages of a queue, in the order in which they are handed out.
//!
//! Oldest first, and fair between groups (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues-detailed.html>):
//! the group with the fewest messages in flight goes first. A message without a group is a group of its own. SQS looks
//! for groups with more than a tenth of what is in flight, and at least thirty; here fairness begins with the first
//! message, so that few messages show it.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::Millis;
use super::message::Seq;

/// A message's place in the line: it keeps it, however often it is received and visible again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) came: Millis,
    pub(crate) seq: Seq,
}

#[derive(Debug, Default)]
pub(crate) struct Line {
    /// Messages without a group.
    alone: BTreeSet<Place>,
    groups: HashMap<Arc<str>, Group>,
    /// Groups with visible messages, in the order of their turns.
    turns: BTreeSet<Turn>,
    len: usize,
}

#[derive(Debug, Default)]
struct Group {
    waiting: BTreeSet<Place>,
    in_flight: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    in_flight: u32,
    first: Place,
    group: Arc<str>,
}

impl Line {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn insert(&mut self, place: Place, group: Option<&Arc<str>>) {
        self.len += 1;
        match group {
            None => {
                self.alone.insert(place);
            }
            Some(name) => self.change(name, |group| {
                group.waiting.insert(place);
            }),
        }
    }

    pub(crate) fn remove(&mut self, place: Place, group: Option<&Arc<str>>) {
        self.len -= 1;
        match group {
            None => {
                self.alone.remove(&place);
            }
            Some(name) => self.change(name, |group| {
                group.waiting.remove(&place);
            }),
        }
    }

    /// Whose turn it is. The message stays in the line.
    pub(crate) fn first(&self) -> Option<Place> {
        match (self.alone.first(), self.turns.first()) {
            (Some(alone), Some(turn)) => match turn.in_flight.cmp(&0) {
                Ordering::Equal => Some((*alone).min(turn.first)),
                _ => Some(*alone),
            },
            (alone, turn) => alone.copied().or(turn.map(|turn| turn.first)),
        }
    }

    /// One more message of the group is in flight.
    pub(crate) fn taken(&mut self, group: Option<&Arc<str>>) {
        if let Some(name) = group {
            self.change(name, |group| group.in_flight += 1);
        }
    }

    /// One message of the group is in flight no longer.
    pub(crate) fn given_back(&mut self, group: Option<&Arc<str>>) {
        if let Some(name) = group {
            self.change(name, |group| group.in_flight -= 1);
        }
    }

    fn change(&mut self, name: &Arc<str>, change: impl FnOnce(&mut Group)) {
        let group = self.groups.entry(name.clone()).or_default();
        if let Some(turn) = turn(name, group) {
            self.turns.remove(&turn);
        }
        change(group);
        match turn(name, group) {
            Some(turn) => {
                self.turns.insert(turn);
            }
            None if group.in_flight == 0 => {
                self.groups.remove(name);
            }
            None => {}
        }
    }
}

fn turn(name: &Arc<str>, group: &Group) -> Option<Turn> {
    let first = *group.waiting.first()?;
    Some(Turn { in_flight: group.in_flight, first, group: name.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hand_out(line: &mut Line, messages: &[(Seq, Option<&str>)]) -> Seq {
        let place = line.first().unwrap();
        let group = messages.iter().find(|(seq, _)| *seq == place.seq).unwrap().1.map(Arc::from);
        line.remove(place, group.as_ref());
        line.taken(group.as_ref());
        place.seq
    }

    #[test]
    fn a_group_that_has_more_in_flight_waits_behind_the_others() {
        let messages = [(1, Some("a")), (2, Some("a")), (3, Some("a")), (4, Some("b")), (5, None), (6, Some("a"))];
        let mut line = Line::default();
        for (seq, group) in messages {
            line.insert(Place { came: 0, seq }, group.map(Arc::from).as_ref());
        }
        let order: Vec<Seq> = (0..6).map(|_| hand_out(&mut line, &messages)).collect();
        assert_eq!(order, [1, 4, 5, 2, 3, 6]);
        assert_eq!(line.len(), 0);
    }

    #[test]
    fn groups_that_have_nothing_left_are_forgotten() {
        let mut line = Line::default();
        let group = Arc::from("a");
        line.insert(Place { came: 0, seq: 1 }, Some(&group));
        line.remove(Place { came: 0, seq: 1 }, Some(&group));
        line.taken(Some(&group));
        assert_eq!(line.groups.len(), 1);
        line.given_back(Some(&group));
        assert!(line.groups.is_empty() && line.turns.is_empty());
    }
}
