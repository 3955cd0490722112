//! Back from the dead-letter queue to the source queue.

use std::time::Duration;

use aws_sdk_sqs::error::ProvideErrorMetadata;
use tokio::time::{Instant, sleep, sleep_until};

use super::browse::{Browser, DeadLetter, HOLD, THOROUGH};
use crate::batch::OutgoingMessage;
use crate::error::{QueueError, causes};
use crate::gathering::Gathering;
use crate::queue::Queue;

/// How often a move task is asked how far it is.
const LOOK: Duration = Duration::from_secs(1);

/// Why a redrive has ended early. What was not moved is still in the dead-letter queue.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedriveError {
    /// A call to one of the queues failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The source queue did not take a message.
    #[error("the message {message_id} was not taken back: {reason}")]
    NotTaken {
        /// Its id in the dead-letter queue.
        message_id: String,
        /// What SQS said.
        reason: String,
    },
    /// A move task ended otherwise than by being complete.
    #[error("the move task ended as {status}: {reason}")]
    MoveTask {
        /// SQS's word for it.
        status: String,
        /// SQS's reason.
        reason: String,
    },
}

/// Moves messages from a dead-letter queue to its source queue.
#[non_exhaustive]
pub struct Redrive {
    /// Where they are.
    pub dead_letters: Queue,
    /// Where they came from.
    pub source: Queue,
    /// At most so many messages per second.
    pub rate: Option<u32>,
}

impl Redrive {
    /// From `dead_letters` to `source`, as fast as it goes.
    pub fn new(dead_letters: Queue, source: Queue) -> Self {
        Self { dead_letters, source, rate: None }
    }

    /// The same at no more than so many messages per second; none: as fast as it goes.
    #[must_use]
    pub fn at_most(self, rate: Option<u32>) -> Self {
        Self { rate, ..self }
    }

    /// Moves those that `wanted` picks, each sent to the source queue before it leaves the dead-letter queue, and returns
    /// how many there were. `progress` is told the count after each batch.
    pub async fn some(
        &self,
        wanted: impl Fn(&DeadLetter) -> bool,
        mut progress: impl FnMut(u64),
    ) -> Result<u64, RedriveError> {
        let mut browser = Browser::new(self.dead_letters.clone(), THOROUGH, HOLD);
        let moved = self.move_from(&mut browser, wanted, &mut progress).await;
        let given_back = browser.give_back().await;
        let moved = moved?;
        given_back?;
        Ok(moved)
    }

    async fn move_from(
        &self,
        browser: &mut Browser,
        wanted: impl Fn(&DeadLetter) -> bool,
        progress: &mut impl FnMut(u64),
    ) -> Result<u64, RedriveError> {
        let spacing = self.rate.map_or(Duration::ZERO, |rate| Duration::from_secs(1) / rate.max(1));
        let (mut moved, mut next) = (0, Instant::now());
        loop {
            let letters = browser.next().await?;
            if letters.is_empty() {
                return Ok(moved);
            }
            let mut gathering = Gathering::default();
            for message in letters.iter().filter(|letter| wanted(letter)).map(DeadLetter::as_it_was) {
                let bytes = message.bytes();
                gathering.push(message, bytes);
            }
            while let Some(batch) = gathering.take() {
                sleep_until(next).await;
                next = Instant::now() + spacing * batch.len() as u32;
                moved += self.send_back(&batch, browser).await?;
                progress(moved);
            }
        }
    }

    async fn send_back(&self, batch: &[OutgoingMessage], browser: &mut Browser) -> Result<u64, RedriveError> {
        let results = self.source.send(batch).await?;
        let mut taken = Vec::with_capacity(batch.len());
        let mut outcome = Ok(());
        for (message, result) in batch.iter().zip(results) {
            match result {
                Ok(_) => taken.push(&*message.id),
                Err(error) => {
                    let (message_id, reason) = (message.id.clone(), error.to_string());
                    outcome = Err(RedriveError::NotTaken { message_id, reason });
                }
            }
        }
        browser.delete(&taken).await?;
        outcome.map(|()| taken.len() as u64)
    }

    /// Moves all of them: by a message move task where the endpoint has them, else one by one.
    pub async fn all(&self, mut progress: impl FnMut(u64)) -> Result<u64, RedriveError> {
        let (from, to) = (self.dead_letters.properties().await?, self.source.properties().await?);
        let task = self
            .dead_letters
            .client()
            .start_message_move_task()
            .source_arn(&from.arn)
            // Those that a consumer has sent here have no source that SQS knows of.
            .destination_arn(&to.arn)
            .set_max_number_of_messages_per_second(
                self.rate.map(|rate| i32::try_from(rate.clamp(1, 500)).unwrap_or(500)),
            )
            .send()
            .await;
        match task {
            Ok(_) => self.watch_move_task(&from.arn, &mut progress).await,
            Err(error) if error.code().is_some_and(|code| code.contains("Unsupported") || code == "InvalidAction") => {
                self.some(|_| true, progress).await
            }
            Err(error) => Err(QueueError::Unavailable {
                queue: self.dead_letters.name().to_owned(),
                operation: "StartMessageMoveTask",
                reason: causes(&error),
            }
            .into()),
        }
    }

    async fn watch_move_task(&self, source_arn: &str, progress: &mut impl FnMut(u64)) -> Result<u64, RedriveError> {
        loop {
            let call = self.dead_letters.client().list_message_move_tasks().source_arn(source_arn).max_results(1);
            let tasks = call.send().await.map_err(|error| QueueError::Unavailable {
                queue: self.dead_letters.name().to_owned(),
                operation: "ListMessageMoveTasks",
                reason: causes(&error),
            })?;
            let Some(task) = tasks.results().first() else { return Ok(0) };
            let moved = u64::try_from(task.approximate_number_of_messages_moved()).unwrap_or(0);
            progress(moved);
            match task.status().unwrap_or_default() {
                "RUNNING" => sleep(LOOK).await,
                "COMPLETED" => return Ok(moved),
                status => {
                    let reason = task.failure_reason().unwrap_or("no reason given").to_owned();
                    return Err(RedriveError::MoveTask { status: status.to_owned(), reason });
                }
            }
        }
    }
}

/// Deletes everything in `queue`, for good. SQS takes up to 60 s for it.
pub async fn purge(queue: &Queue) -> Result<(), QueueError> {
    let url = &queue.properties().await?.url;
    let purged = queue.client().purge_queue().queue_url(url).send().await;
    purged.map(drop).map_err(|error| QueueError::Unavailable {
        queue: queue.name().to_owned(),
        operation: "PurgeQueue",
        reason: error.code().map_or_else(|| causes(&error), str::to_owned),
    })
}
