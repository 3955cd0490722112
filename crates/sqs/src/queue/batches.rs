//! Batch calls about messages: what became of each entry is put back into the order of the request.

use std::time::Duration;

use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry,
    MessageAttributeValue, SendMessageBatchRequestEntry,
};

use super::Queue;
use crate::batch::OutgoingMessage;
use crate::blame;
use crate::call::Call;
use crate::error::{EntryError, EntryResults, QueueError};
use crate::operation::{About, CHANGE_VISIBILITY, DELETE, SEND};
use crate::received::Receipt;
use crate::trace::TRACEPARENT;

impl Queue {
    /// Sends up to ten messages in one call. The results are the message ids that SQS gave.
    ///
    /// # Errors
    /// [`QueueError::Refused`] if SQS takes none of them because of what they contain.
    pub async fn send<M: AsRef<OutgoingMessage>>(&self, messages: &[M]) -> Result<EntryResults<String>, QueueError> {
        let url = &self.properties().await?.url;
        let mut request = self.0.client.send_message_batch().queue_url(url);
        for (index, message) in messages.iter().map(AsRef::as_ref).enumerate() {
            let mut entry =
                SendMessageBatchRequestEntry::builder().id(index.to_string()).message_body(message.body.as_str());
            for (name, value) in &message.attributes {
                let value = MessageAttributeValue::builder().data_type("String").string_value(value);
                entry = entry.message_attributes(name, self.built(&SEND, value.build())?);
            }
            request = request.entries(self.built(&SEND, entry.build())?);
        }
        let created = messages.iter().filter_map(|message| message.as_ref().attributes.get(TRACEPARENT)?.parse().ok());
        let about = About { created: created.collect(), messages: messages.len(), ..About::default() };
        let call = Call::begin(&SEND);
        self.outcome(call, about, request.send().await, |answer, about| {
            let sent = answer.successful().iter().map(|entry| (entry.id(), entry.message_id().to_owned()));
            let results = by_entry(messages.len(), sent, answer.failed(), blame::on_entry)?;
            about.failed = results.iter().filter(|result| result.is_err()).count();
            self.0.metrics.sent(messages.len() - about.failed);
            if let [Ok(message_id)] = results.as_slice() {
                about.message_id = Some(message_id.clone());
            }
            Some(results)
        })
    }

    /// Deletes up to ten messages by their receipts in one call.
    pub async fn delete(&self, receipts: &[Receipt]) -> Result<EntryResults<()>, QueueError> {
        let url = &self.properties().await?.url;
        let mut request = self.0.client.delete_message_batch().queue_url(url);
        for (index, receipt) in receipts.iter().enumerate() {
            let entry =
                DeleteMessageBatchRequestEntry::builder().id(index.to_string()).receipt_handle(receipt.handle());
            request = request.entries(self.built(&DELETE, entry.build())?);
        }
        let call = Call::begin(&DELETE);
        self.outcome(call, about_receipts(receipts.iter()), request.send().await, |answer, about| {
            let deleted = answer.successful().iter().map(|entry| (entry.id(), ()));
            settled(receipts.len(), deleted, answer.failed(), about)
        })
    }

    /// Sets the visibility timeout of up to ten messages in one call, counted from now and in whole seconds.
    pub async fn change_visibility(&self, entries: &[(Receipt, Duration)]) -> Result<EntryResults<()>, QueueError> {
        let url = &self.properties().await?.url;
        let mut request = self.0.client.change_message_visibility_batch().queue_url(url);
        for (index, (receipt, timeout)) in entries.iter().enumerate() {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(index.to_string())
                .receipt_handle(receipt.handle())
                .visibility_timeout(i32::try_from(timeout.as_secs_f64().ceil() as i64).unwrap_or(i32::MAX));
            request = request.entries(self.built(&CHANGE_VISIBILITY, entry.build())?);
        }
        let about = about_receipts(entries.iter().map(|(receipt, _)| receipt));
        let call = Call::begin(&CHANGE_VISIBILITY);
        self.outcome(call, about, request.send().await, |answer, about| {
            let changed = answer.successful().iter().map(|entry| (entry.id(), ()));
            settled(entries.len(), changed, answer.failed(), about)
        })
    }
}

fn about_receipts<'a>(receipts: impl ExactSizeIterator<Item = &'a Receipt> + Clone) -> About {
    let mut about = About { messages: receipts.len(), ..About::default() };
    if let (1, Some(receipt)) = (receipts.len(), receipts.clone().next()) {
        about.message_id = receipt.message_id().map(str::to_owned);
    }
    about.created = receipts.filter_map(Receipt::created).collect();
    about
}

/// What became of each entry about a receipt.
fn settled<'a>(
    entries: usize,
    successful: impl Iterator<Item = (&'a str, ())>,
    failed: &[BatchResultErrorEntry],
    about: &mut About,
) -> Option<EntryResults<()>> {
    let results = by_entry(entries, successful, failed, blame::on_receipt_handle)?;
    about.failed = results.iter().filter(|result| result.is_err()).count();
    Some(results)
}

/// Puts the two lists of a batch answer back into the order of the request. An entry that is in neither has failed; none
/// if that goes for all of them. `to_blame` tells by its code whether a failed entry is itself to blame.
fn by_entry<'a, T>(
    entries: usize,
    successful: impl Iterator<Item = (&'a str, T)>,
    failed: &[BatchResultErrorEntry],
    to_blame: fn(&str) -> bool,
) -> Option<EntryResults<T>> {
    let mut results: Vec<Option<Result<T, EntryError>>> = (0..entries).map(|_| None).collect();
    let mut put = |id: &str, result| {
        if let Some(place) = id.parse::<usize>().ok().and_then(|index| results.get_mut(index)) {
            *place = Some(result);
        }
    };
    for (id, value) in successful {
        put(id, Ok(value));
    }
    for entry in failed {
        let (code, message) = (entry.code().to_owned(), entry.message().unwrap_or_default().to_owned());
        put(entry.id(), Err(EntryError { sender_fault: to_blame(&code), code, message }));
    }
    let unanswered = || EntryError { sender_fault: false, code: "Unanswered".into(), message: "no result".into() };
    let answered = entries == 0 || results.iter().any(Option::is_some);
    answered.then(|| results.into_iter().map(|result| result.unwrap_or_else(|| Err(unanswered()))).collect())
}
