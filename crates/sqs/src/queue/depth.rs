//! How many messages are in a queue, as SQS counts them: approximately, and a few seconds late.

use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName;
use tokio::time::{MissedTickBehavior, interval};

use super::Queue;
use crate::call::Call;
use crate::error::QueueError;
use crate::operation::{About, GET_ATTRIBUTES};

/// The attribute, and the state that it counts.
const STATES: [(QueueAttributeName, &str); 3] = [
    (QueueAttributeName::ApproximateNumberOfMessages, "visible"),
    (QueueAttributeName::ApproximateNumberOfMessagesNotVisible, "in_flight"),
    (QueueAttributeName::ApproximateNumberOfMessagesDelayed, "delayed"),
];

/// Has `queue` and its dead-letter queue counted until `stop` resolves, so often; none: never, for each time is two requests.
pub async fn keep_measured(queue: Queue, every: Option<Duration>, stop: impl Future<Output = ()>) {
    let Some(every) = every else { return stop.await };
    let measuring = async {
        let mut dead_letters = None;
        let mut due = interval(every);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            due.tick().await;
            if let Err(error) = queue.measure_with(&mut dead_letters).await {
                // The queue itself tells when it goes out of reach.
                tracing::debug!(queue = queue.name(), %error, "not counted");
            }
        }
    };
    tokio::select! {
        () = stop => {}
        () = measuring => {}
    }
}

/// How many messages are in a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Those that a receive would bring.
    pub visible: u64,
    /// Those that somebody has received and not deleted.
    pub in_flight: u64,
    /// Those that are to be received later.
    pub delayed: u64,
}

impl Depth {
    /// All of them.
    pub fn all(&self) -> u64 {
        self.visible + self.in_flight + self.delayed
    }
}

impl Queue {
    /// How many messages are in it now. Each time is a request, and billed.
    pub async fn depth(&self) -> Result<Depth, QueueError> {
        let [visible, in_flight, delayed] = self.count().await?.map(|count| count.unwrap_or(0));
        Ok(Depth { visible, in_flight, delayed })
    }

    /// `dead_letters` is the queue that the redrive policy named the last time, so that its address is asked for once.
    async fn measure_with(&self, dead_letters: &mut Option<Self>) -> Result<(), QueueError> {
        self.measure().await?;
        let properties = self.properties().await?;
        let name = properties.dead_letter_queue.as_deref();
        dead_letters.take_if(|known| name != Some(known.name()));
        match name {
            Some(name) => dead_letters.get_or_insert_with(|| self.sibling(name)).measure().await,
            None => Ok(()),
        }
    }

    async fn measure(&self) -> Result<(), QueueError> {
        for ((_, state), messages) in STATES.iter().zip(self.count().await?) {
            if let Some(messages) = messages.and_then(|messages| i64::try_from(messages).ok()) {
                self.0.metrics.depth(state, messages);
            }
        }
        Ok(())
    }

    /// In the order of [`STATES`].
    async fn count(&self) -> Result<[Option<u64>; STATES.len()], QueueError> {
        let url = &self.properties().await?.url;
        let names = STATES.iter().map(|(name, _)| name.clone()).collect();
        let call = Call::begin(&GET_ATTRIBUTES);
        let answer = self.0.client.get_queue_attributes().queue_url(url).set_attribute_names(Some(names)).send().await;
        let attributes = self.outcome(call, About::default(), answer, |answer, _| answer.attributes)?;
        Ok(STATES.map(|(name, _)| attributes.get(&name)?.parse().ok()))
    }
}
