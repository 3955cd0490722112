//! Where the messages of a queue are: an index for each state, so that none is ever looked for.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Millis;
use super::line::{Line, Place};
use super::message::{Message, Seq, State};

#[derive(Debug, Default)]
pub(crate) struct Places {
    visible: Line,
    /// In flight or delayed, by the end of it.
    hidden: BTreeSet<(Millis, Seq)>,
    in_flight: usize,
    delayed: usize,
}

/// How many messages are in which state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) visible: usize,
    pub(crate) in_flight: usize,
    pub(crate) delayed: usize,
}

impl Places {
    pub(crate) fn counts(&self) -> Counts {
        Counts { visible: self.visible.len(), in_flight: self.in_flight, delayed: self.delayed }
    }

    /// The visible message whose turn it is.
    pub(crate) fn first(&self) -> Option<Seq> {
        self.visible.first().map(|place| place.seq)
    }

    /// The hidden message that is the next to be visible, and when.
    pub(crate) fn next_shown(&self) -> Option<(Millis, Seq)> {
        self.hidden.first().copied()
    }

    pub(crate) fn enter(&mut self, seq: Seq, message: &Message) {
        let group = message.content.group.as_ref();
        match message.state {
            State::Visible => self.visible.insert(Place { came: message.place, seq }, group),
            State::InFlight(until) => {
                self.hidden.insert((until, seq));
                self.in_flight += 1;
                self.visible.taken(group);
            }
            State::Delayed(until) => {
                self.hidden.insert((until, seq));
                self.delayed += 1;
            }
        }
    }

    pub(crate) fn leave(&mut self, seq: Seq, message: &Message) {
        let group: Option<&Arc<str>> = message.content.group.as_ref();
        match message.state {
            State::Visible => self.visible.remove(Place { came: message.place, seq }, group),
            State::InFlight(until) => {
                self.hidden.remove(&(until, seq));
                self.in_flight -= 1;
                self.visible.given_back(group);
            }
            State::Delayed(until) => {
                self.hidden.remove(&(until, seq));
                self.delayed -= 1;
            }
        }
    }
}
