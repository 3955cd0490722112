//! The one state behind all connections, and those who wait for it to change.
//!
//! The lock is held for the length of one call to the core, never across an await. A receive that found nothing waits
//! for its queue's bell. The bell is rung for one of them at a time, the one that waits longest; it takes what it may
//! and the next is rung if there is more. One whose client is gone is gone itself: it takes nothing, and its ring goes
//! to the next ([`Notify::notify_one`]).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::clock::Clock;
use crate::core::{Answer, Call, Core, Error, Millis, QueueId, Receive, Unkindness};

#[derive(Debug)]
pub(super) struct Shared {
    clock: Clock,
    state: Mutex<State>,
    /// The core wants to be looked at earlier than planned.
    replan: Notify,
    /// Whether nobody is to be answered.
    away: watch::Sender<bool>,
    long_polls_end: CancellationToken,
}

#[derive(Debug)]
struct State {
    core: Core,
    bells: HashMap<QueueId, Arc<Notify>>,
    /// When the core will be looked at.
    planned: Option<Millis>,
}

impl Shared {
    pub(super) fn new(core: Core) -> Self {
        Self {
            clock: Clock::start(),
            state: Mutex::new(State { core, bells: HashMap::new(), planned: None }),
            replan: Notify::new(),
            away: watch::Sender::new(false),
            long_polls_end: CancellationToken::new(),
        }
    }

    /// Carries out a call; a receive may wait.
    pub(super) async fn call(&self, call: Call) -> Result<Answer, Error> {
        match call {
            Call::ReceiveMessage(receive) => self.receive(receive).await,
            call => self.call_now(call),
        }
    }

    /// Carries out a call; a receive does not wait.
    pub(super) fn call_now(&self, call: Call) -> Result<Answer, Error> {
        let mut state = self.state();
        let answer = state.core.call(self.clock.now(), call);
        self.pass_on(&mut state);
        answer
    }

    async fn receive(&self, receive: Receive) -> Result<Answer, Error> {
        let mut end = None;
        loop {
            let (mut ring, end) = {
                let mut state = self.state();
                let now = self.clock.now();
                let answer = state.core.call(now, Call::ReceiveMessage(receive.clone()));
                self.pass_on(&mut state);
                let Ok(Answer::Messages(messages, waiting)) = &answer else { return answer };
                let end = *end.get_or_insert(now + waiting.time);
                if !messages.is_empty() || now >= end || self.long_polls_end.is_cancelled() {
                    return answer;
                }
                let mut ring = Box::pin(state.bells.entry(waiting.queue).or_default().clone().notified_owned());
                // From here on it is in the line of those who wait.
                ring.as_mut().enable();
                (ring, end)
            };
            tokio::select! {
                () = &mut ring => {}
                () = self.clock.sleep_until(end) => {}
                () = self.long_polls_end.cancelled() => {}
            }
        }
    }

    /// Rings for those who wait, and sees that the core is looked at in time.
    fn pass_on(&self, state: &mut State) {
        for queue in state.core.take_woken() {
            if state.core.exists(queue) {
                if let Some(bell) = state.bells.get(&queue) {
                    bell.notify_one();
                }
            } else if let Some(bell) = state.bells.remove(&queue) {
                bell.notify_waiters();
            }
        }
        let due = state.core.next_due();
        if due.is_some_and(|due| state.planned.is_none_or(|planned| due < planned)) {
            state.planned = due;
            self.replan.notify_one();
        }
    }

    /// Does what time brings about, when it does. Never ends by itself.
    pub(super) async fn keep_time(&self) {
        loop {
            let planned = {
                let mut state = self.state();
                state.core.advance(self.clock.now());
                state.planned = state.core.next_due();
                self.pass_on(&mut state);
                state.planned
            };
            tokio::select! {
                () = self.clock.sleep_until(planned.unwrap_or_default()), if planned.is_some() => {}
                () = self.replan.notified() => {}
            }
        }
    }

    pub(super) fn set_unkindness(&self, unkindness: Option<Unkindness>) {
        self.state().core.set_unkindness(unkindness);
    }

    pub(super) fn loses_answer(&self) -> bool {
        self.state().core.loses_answer()
    }

    pub(super) fn set_away(&self, away: bool) {
        self.away.send_replace(away);
    }

    pub(super) fn is_away(&self) -> bool {
        *self.away.borrow()
    }

    /// Resolves as soon as nobody is to be answered.
    pub(super) async fn gone_away(&self) {
        // The sender is in here, so the wait cannot fail.
        let _ = self.away.subscribe().wait_for(|away| *away).await;
    }

    pub(super) fn end_long_polls(&self) {
        self.long_polls_end.cancel();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
