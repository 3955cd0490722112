//! What SQS says of the queues: how many messages are in each, and the dead letters.

use std::ops::Deref;
use std::sync::Arc;

use aws_sdk_sqs::Client;
use jiff::Timestamp;
use serde_json::Value;
use sqs::dead_letter::{Browser, DeadLetter, HOLD, Redrive, RedriveError, THOROUGH, purge};
use sqs::queue::Depth;
use sqs::{Metrics, Queue, QueueError};
use tokio::sync::{Mutex, Notify, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::look::Pace;
use crate::metrics::Names;

/// Of one queue, so many letters are read; more are only counted.
const MOST_LETTERS: usize = 100;

/// A queue of messages and the queue of its dead letters.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) source: Queue,
    dead_letters: Mutex<Option<Queue>>,
}

/// A dead letter, and what its event says of itself, read once.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    letter: DeadLetter,
    /// The order that it is about: the event's subject.
    pub(crate) order_id: Option<String>,
    pub(crate) event_type: Option<String>,
}

impl Letter {
    fn new(letter: DeadLetter) -> Self {
        let event: Value = serde_json::from_str(&letter.body).unwrap_or_default();
        let member = |name: &str| event[name].as_str().map(str::to_owned);
        Self { order_id: member("subject"), event_type: member("type"), letter }
    }

    pub(crate) fn is_about(&self, order_id: &str) -> bool {
        self.order_id.as_deref() == Some(order_id)
    }
}

impl Deref for Letter {
    type Target = DeadLetter;

    fn deref(&self) -> &DeadLetter {
        &self.letter
    }
}

/// What is known of one pair.
#[derive(Clone, Debug, Default)]
pub(crate) struct PairSeen {
    /// As the redrive policy names it.
    pub(crate) dead_letter_queue: Option<String>,
    pub(crate) depth: Option<Depth>,
    pub(crate) dead_letter_depth: Option<Depth>,
    pub(crate) letters: Vec<Arc<Letter>>,
    /// There are others that were not read.
    pub(crate) more: bool,
}

/// What is known of all of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// `orders` and `payments`, in this order.
    pub(crate) pairs: [PairSeen; 2],
    /// When the messages were counted.
    pub(crate) counted: Option<Timestamp>,
    /// When the dead letters were read.
    pub(crate) read: Option<Timestamp>,
    /// Why the last look failed.
    pub(crate) problem: Option<String>,
}

/// The queues, and who looks at them.
#[derive(Debug)]
pub(crate) struct Queues {
    pairs: [Pair; 2],
    seen: watch::Sender<Seen>,
    /// Something has moved.
    moved: Notify,
    /// The dead letters are to be read whatever their number.
    wanted: Notify,
    /// One reads at a time: what the one has received is not in sight of the other.
    reading: Mutex<()>,
    metrics: Metrics,
}

/// There is no such letter any more.
#[derive(Debug)]
pub(crate) struct Gone;

impl Queues {
    pub(crate) fn new(client: &Client, names: &Names) -> Self {
        let metrics = Metrics::default();
        let pair = |name: &str| Pair {
            source: Queue::with_metrics(client.clone(), name, &metrics),
            dead_letters: Mutex::default(),
        };
        Self {
            pairs: [pair(&names.orders), pair(&names.payments)],
            seen: watch::Sender::default(),
            moved: Notify::new(),
            wanted: Notify::new(),
            reading: Mutex::default(),
            metrics,
        }
    }

    /// What is known.
    pub(crate) fn seen(&self) -> Seen {
        self.seen.borrow().clone()
    }

    /// The services have moved something.
    pub(crate) fn moved(&self) {
        self.moved.notify_one();
    }

    /// Has the dead letters read again.
    pub(crate) fn look(&self) {
        self.wanted.notify_one();
    }

    /// How many requests the console itself has made of SQS.
    pub(crate) fn requests(&self) -> f64 {
        let count = |line: &str| line.rsplit(' ').next()?.parse::<f64>().ok();
        let text = self.metrics.open_metrics();
        text.lines().filter(|line| line.starts_with("sqs_requests_total{")).filter_map(count).sum()
    }

    /// Looks at the queues when that may bring something, until told to stop. `watched`: whether anybody looks.
    pub(crate) async fn keep_looking(&self, mut watched: watch::Receiver<usize>, stop: CancellationToken) {
        let looking = async {
            let (mut pace, mut looked) = (Pace::default(), Instant::now());
            loop {
                until(&mut watched, |listeners| listeners > 0).await;
                let next = async {
                    match pace.wait() {
                        Some(wait) => sleep_until(looked + wait).await,
                        None => std::future::pending().await,
                    }
                };
                let wanted = tokio::select! {
                    () = next => false,
                    () = self.wanted.notified() => true,
                    () = self.moved.notified() => {
                        pace.moved();
                        continue;
                    }
                    () = until(&mut watched, |listeners| listeners == 0) => {
                        pace = Pace::default();
                        continue;
                    }
                };
                self.look_now(&mut pace, wanted).await;
                looked = Instant::now();
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = looking => {}
        }
    }

    async fn look_now(&self, pace: &mut Pace, wanted: bool) {
        let before = self.seen();
        match self.read(&before, wanted).await {
            Ok(seen) => {
                let depths = |seen: &Seen| seen.pairs.each_ref().map(|pair| (pair.depth, pair.dead_letter_depth));
                let empty = seen.pairs.iter().all(|pair| pair.depth.is_some_and(|depth| depth.all() == 0));
                pace.looked(depths(&before) != depths(&seen), empty);
                self.seen.send_replace(seen);
            }
            Err(error) => {
                self.seen.send_modify(|seen| seen.problem = Some(error.to_string()));
                pace.failed();
            }
        }
    }

    /// Counts, and reads the dead letters if there may be others than before.
    async fn read(&self, before: &Seen, wanted: bool) -> Result<Seen, QueueError> {
        let mut seen = Seen { problem: None, ..before.clone() };
        for (pair, seen) in self.pairs.iter().zip(&mut seen.pairs) {
            seen.depth = Some(pair.source.depth().await?);
            let Some(dead_letters) = pair.dead_letters().await? else { continue };
            let depth = Some(dead_letters.depth().await?);
            let others = depth != seen.dead_letter_depth || wanted || seen.dead_letter_queue.is_none();
            seen.dead_letter_queue = Some(dead_letters.name().to_owned());
            if others && (depth.is_some_and(|depth| depth.all() > 0) || wanted) {
                let _one = self.reading.lock().await;
                (seen.letters, seen.more) = letters(dead_letters).await?;
            } else if depth.is_some_and(|depth| depth.all() == 0) {
                (seen.letters, seen.more) = Default::default();
            }
            seen.dead_letter_depth = depth;
        }
        let now = Timestamp::now();
        seen.counted = Some(now);
        // What was not read again is known to be as it was.
        seen.read = Some(now);
        Ok(seen)
    }

    fn pair(&self, dead_letter_queue: &str) -> Option<&Pair> {
        let seen = self.seen.borrow();
        let named = |seen: &PairSeen| seen.dead_letter_queue.as_deref() == Some(dead_letter_queue);
        self.pairs.iter().zip(&seen.pairs).find(|(_, seen)| named(seen)).map(|(pair, _)| pair)
    }

    /// The letter as it was read.
    pub(crate) fn letter(&self, queue: &str, message_id: &str) -> Option<Arc<Letter>> {
        let seen = self.seen.borrow();
        let pair = seen.pairs.iter().find(|pair| pair.dead_letter_queue.as_deref() == Some(queue))?;
        pair.letters.iter().find(|letter| letter.message_id == message_id).cloned()
    }

    /// Sends a letter back to where it came from.
    pub(crate) async fn send_back(&self, queue: &str, message_id: &str) -> Result<Result<(), Gone>, RedriveError> {
        let Some(pair) = self.pair(queue) else { return Ok(Err(Gone)) };
        let Some(dead_letters) = pair.dead_letters().await? else { return Ok(Err(Gone)) };
        let _one = self.reading.lock().await;
        let redrive = Redrive::new(dead_letters, pair.source.clone());
        let moved = redrive.some(|letter| letter.message_id == message_id, |_| {}).await?;
        self.seen.send_modify(|seen| {
            for pair in &mut seen.pairs {
                pair.letters.retain(|letter| letter.message_id != message_id);
            }
        });
        self.look();
        Ok(if moved > 0 { Ok(()) } else { Err(Gone) })
    }

    /// Deletes all dead letters of a queue.
    pub(crate) async fn purge(&self, queue: &str) -> Result<Result<(), Gone>, QueueError> {
        let Some(pair) = self.pair(queue) else { return Ok(Err(Gone)) };
        let Some(dead_letters) = pair.dead_letters().await? else { return Ok(Err(Gone)) };
        purge(&dead_letters).await?;
        self.look();
        Ok(Ok(()))
    }
}

impl Pair {
    /// Asked for once.
    async fn dead_letters(&self) -> Result<Option<Queue>, QueueError> {
        let mut known = self.dead_letters.lock().await;
        if known.is_none() {
            *known = self.source.dead_letter_queue().await?;
        }
        Ok(known.clone())
    }
}

/// Waits until there are as many listeners as `enough` says.
async fn until(watched: &mut watch::Receiver<usize>, enough: impl Fn(usize) -> bool) {
    // The sender lives as long as whoever waits.
    let _ = watched.wait_for(|listeners| enough(*listeners)).await;
}

/// Up to so many, newest first, and whether there are more.
async fn letters(queue: Queue) -> Result<(Vec<Arc<Letter>>, bool), QueueError> {
    let mut browser = Browser::new(queue, THOROUGH, HOLD);
    let mut letters = Vec::new();
    let read = async {
        while letters.len() < MOST_LETTERS {
            let some = browser.next().await?;
            if some.is_empty() {
                return Ok(false);
            }
            letters.extend(some.into_iter().map(|letter| Arc::new(Letter::new(letter))));
        }
        Ok(true)
    };
    let more = read.await;
    let given_back = browser.give_back().await;
    let more = more?;
    given_back?;
    letters.sort_by_key(|letter| std::cmp::Reverse(letter.sent_at));
    Ok((letters, more))
}
