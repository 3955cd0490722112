//! Telling an outage from a bad message.
//!
//! A message whose dependency is away says nothing about itself: it keeps its slot and its lease and is tried again in
//! place, at no cost of a receive. Who is to blame shows in what becomes of others meanwhile:
//!
//! - When others get through, a message that finds its dependency away again and again is alone with that: it has failed.
//! - When several different messages in a row are in trouble, whether away or failed, and none gets through, that is an
//!   outage. It is nobody's fault: nothing more is received, and those that are held take turns to find out whether it
//!   is over. The first one that gets through ends it.
//!
//! Should all that are held be bad messages, none of them could ever end it: so every now and then a single further
//! message is received and has its turn as well. That goes also for fewer bad messages than make an outage, if they hold all
//! slots: the further one then has a slot beyond those, of which there are [`LOOK_SLOTS`].

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep, sleep_until};

use crate::backoff::Backoff;
use crate::metrics::Flag;

/// For so long none must have got through before receiving stops: where a share of messages is refused, several of them
/// in a row are soon followed by one that is not.
const CERTAIN: Duration = Duration::from_secs(1);
/// So many tries that each found the dependency away, after others had got through, make a message a failed one.
const ALONE: u32 = 2;
/// Between a message's own tries in place, and between the trials of an outage: that soon after its end all goes on.
const PAUSE: Backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(5));
/// How often a further message is received while none gets through: as often as an idle queue is asked.
const LOOK: Duration = Duration::from_secs(20);
/// So many further messages can be held when all slots are taken.
const LOOK_SLOTS: usize = 64;

/// What the messages of a queue have found out about what their handler depends on.
#[derive(Debug)]
pub(super) struct Outage {
    state: Mutex<State>,
    over: Notify,
    /// One trial at a time; the messages take turns.
    trial: Semaphore,
    look_slots: Arc<Semaphore>,
    /// A dependency that wants to be asked again later than this is asked after this: what it knew of its end then may no
    /// longer be true, and many may wait for it.
    longest_pause: Duration,
}

#[derive(Debug)]
struct State {
    /// So many different messages in trouble, and none that got through since, are an outage.
    several: usize,
    /// Those in trouble since the last one that got through. More than make an outage are not told apart.
    troubled: HashSet<String>,
    since: Option<Instant>,
    /// When the latest of the tries that got through had begun.
    reached: Option<Instant>,
    /// When a further message is to be received; none: nobody is in trouble.
    next_look: Option<Instant>,
    /// Nothing is received.
    declared: Option<Declared>,
    /// Shows whether it is declared.
    shown: Flag,
}

#[derive(Debug)]
struct Declared {
    trials: u32,
    next_trial: Instant,
}

/// The tries of a message within one receive.
#[derive(Debug)]
pub(super) struct Tries {
    begun: Instant,
    in_trouble: Option<Instant>,
    number: u32,
    alone: u32,
}

impl Tries {
    pub(super) fn first() -> Self {
        Self { begun: Instant::now(), in_trouble: None, number: 1, alone: 0 }
    }

    pub(super) fn begin_another(&mut self) {
        self.begun = Instant::now();
        self.number += 1;
    }

    /// Which it is, counted from 1.
    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// Until the next one, at least as long as `after`, where its dependency has said when.
    fn pause(&self, after: Option<Duration>, longest: Duration) -> Duration {
        PAUSE.wait(self.number).max(after.unwrap_or_default()).min(longest)
    }
}

/// Who is to blame for a message's trouble.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Blame {
    /// Nobody: it is to be held and tried again in place.
    Nobody,
    /// The message: it uses up a receive.
    Message,
}

/// The right to try during an outage.
pub(super) struct Turn<'a> {
    _trial: Option<SemaphorePermit<'a>>,
}

impl Outage {
    /// None yet; the flag is set while there is one. An outage is made by `several` messages; those that it holds are tried
    /// again after `longest_pause` at the latest.
    pub(super) fn new(shown: Flag, several: usize, longest_pause: Duration) -> Self {
        let state = State {
            several,
            shown,
            troubled: HashSet::new(),
            since: None,
            reached: None,
            next_look: None,
            declared: None,
        };
        Self {
            state: Mutex::new(state),
            over: Notify::new(),
            trial: Semaphore::new(1),
            look_slots: Arc::new(Semaphore::new(LOOK_SLOTS)),
            longest_pause,
        }
    }

    /// A message got through: whatever the handler depends on has answered it.
    pub(super) fn got_through(&self, tries: &Tries) {
        let was_declared = {
            let mut state = self.state();
            state.troubled.clear();
            (state.since, state.next_look) = (None, None);
            state.reached = state.reached.max(Some(tries.begun));
            state.shown.set(false);
            state.declared.take().is_some()
        };
        if was_declared {
            tracing::info!("the outage is over, receiving goes on");
            self.over.notify_waiters();
        }
    }

    /// A message found a dependency away.
    pub(super) fn away(&self, message_id: &str, tries: &mut Tries) -> Blame {
        self.state().trouble(message_id);
        self.blame(tries)
    }

    /// A message failed: its own fault, unless several others in a row have done so too.
    pub(super) fn failed(&self, message_id: &str, tries: &mut Tries) -> Blame {
        let alone = {
            let mut state = self.state();
            state.trouble(message_id);
            state.troubled.len() < state.several
        };
        if alone { Blame::Message } else { self.blame(tries) }
    }

    /// Only a try that began after this message's trouble proves that others get through: one that has been under way for
    /// long may have passed before the outage began.
    fn blame(&self, tries: &mut Tries) -> Blame {
        let reached = self.state().reached;
        if tries.in_trouble.is_some_and(|in_trouble| reached > Some(in_trouble)) {
            tries.alone += 1;
        }
        tries.in_trouble = Some(Instant::now());
        if tries.alone >= ALONE { Blame::Message } else { Blame::Nobody }
    }

    /// Waits until a held message may be tried again: after a pause, or `after`, where its dependency has said when; at once
    /// when an outage has ended; and during one in its turn. Cancel safe.
    pub(super) async fn turn(&self, tries: &Tries, after: Option<Duration>) -> Turn<'_> {
        // Before looking: what changes in between must wake this one too.
        let over = self.over.notified();
        tokio::select! {
            () = sleep(tries.pause(after, self.longest_pause)) => {}
            () = over => {}
        }
        let over = self.over.notified();
        if !self.state().is_declared() {
            return Turn { _trial: None };
        }
        tokio::select! {
            trial = self.next_trial() => Turn { _trial: trial },
            () = over => Turn { _trial: None },
        }
    }

    async fn next_trial(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        let trial = self.trial.acquire().await.ok();
        let due = self.state().declared.as_ref().map(|declared| declared.next_trial);
        if let Some(due) = due {
            sleep_until(due).await;
        }
        if let Some(declared) = &mut self.state().declared {
            declared.trials += 1;
            declared.next_trial = Instant::now() + PAUSE.wait(declared.trials);
        }
        trial
    }

    /// Waits until messages may be received as ever.
    pub(super) async fn welcome(&self) {
        loop {
            let over = self.over.notified();
            if !self.state().is_declared() {
                return;
            }
            over.await;
        }
    }

    /// Waits until a further message is to be received, and returns a slot for it: one of `slots`, or one beyond those.
    /// While there are free slots and no outage is declared, messages are received as ever, and that is enough.
    pub(super) async fn look(&self, slots: &Arc<Semaphore>) -> OwnedSemaphorePermit {
        loop {
            let due = self.state().next_look;
            // Where there is no trouble, it is looked for as seldom.
            sleep_until(due.unwrap_or_else(|| Instant::now() + LOOK)).await;
            let mut state = self.state();
            let Some(next_look) = state.next_look.as_mut().filter(|next_look| **next_look <= Instant::now()) else {
                continue;
            };
            *next_look = Instant::now() + LOOK;
            if slots.available_permits() > 0 && !state.is_declared() {
                continue;
            }
            drop(state);
            let slot = slots.clone().try_acquire_owned().or_else(|_| self.look_slots.clone().try_acquire_owned());
            if let Ok(slot) = slot {
                return slot;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn trouble(&mut self, message_id: &str) {
        let now = Instant::now();
        self.since.get_or_insert(now);
        self.next_look.get_or_insert(now + LOOK);
        if self.troubled.len() < self.several && !self.troubled.contains(message_id) {
            self.troubled.insert(message_id.to_owned());
        }
    }

    /// Whether there is an outage, which begins with the first look that finds it.
    fn is_declared(&mut self) -> bool {
        let certain = self.since.is_some_and(|since| since.elapsed() >= CERTAIN);
        if self.declared.is_none() && self.troubled.len() >= self.several && certain {
            tracing::error!("several messages in a row in trouble and none gets through: an outage, receiving pauses");
            self.shown.set(true);
            self.declared = Some(Declared { trials: 0, next_trial: Instant::now() });
        }
        self.declared.is_some()
    }
}

#[cfg(test)]
#[path = "outage_tests.rs"]
mod tests;
