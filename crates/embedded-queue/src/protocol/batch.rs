//! The entries of batches: how many, how large, and by which ids.

use std::collections::HashSet;

use super::content;
use super::requests::Message;
use crate::core::{Code, Entry, Error, is_label};

const MOST_ENTRIES: usize = 10;
const LONGEST_ID: usize = 80;
/// Of all messages of a batch together; it does not depend on the queue.
const LARGEST: usize = 1_048_576;

/// The entries, each by its id, checked as a batch but not each by itself. `shape` is what the model calls an entry.
pub(super) fn entries<T>(
    entries: Option<Vec<T>>,
    shape: &str,
    id: impl Fn(&mut T) -> Option<String>,
) -> Result<Vec<Entry<T>>, Error> {
    let entries = entries.unwrap_or_default();
    if entries.is_empty() {
        let message = format!("There should be at least one {shape} in the request.");
        return Err(Error::new(Code::EmptyBatchRequest, message));
    }
    if entries.len() > MOST_ENTRIES {
        let sent = entries.len();
        let message = format!("Maximum number of entries per request are {MOST_ENTRIES}. You have sent {sent}.");
        return Err(Error::new(Code::TooManyEntriesInBatchRequest, message));
    }
    let mut ids = HashSet::new();
    let check = |(place, mut what): (usize, T)| {
        let id = id(&mut what).ok_or_else(|| Error::missing(&format!("{shape}.{}.Id", place + 1)))?;
        if !(1..=LONGEST_ID).contains(&id.len()) || !is_label(&id) {
            return Err(Error::new(
                Code::InvalidBatchEntryId,
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.",
            ));
        }
        if !ids.insert(id.clone()) {
            return Err(Error::new(Code::BatchEntryIdsNotDistinct, format!("Id {id} repeated.")));
        }
        Ok(Entry { id, what })
    };
    entries.into_iter().enumerate().map(check).collect()
}

pub(super) fn check_size(entries: &[Entry<Message>]) -> Result<(), Error> {
    let sent: usize = entries.iter().map(|entry| content::size(&entry.what)).sum();
    if sent <= LARGEST {
        return Ok(());
    }
    let message = format!("Batch requests cannot be longer than {LARGEST} bytes. You have sent {sent} bytes.");
    Err(Error::new(Code::BatchRequestTooLong, message))
}
