//! What a dead letter says of its failure, as message attributes.

use std::collections::BTreeMap;

/// Why, in words for people.
pub const FAILURE_REASON: &str = "failure-reason";
/// Why, in one stable word.
pub const FAILURE_TYPE: &str = "failure-type";
/// The id that the message had in its source queue.
pub const SOURCE_MESSAGE_ID: &str = "source-message-id";
/// How often it had been received there.
pub const RECEIVE_COUNT: &str = "receive-count";

/// The attributes without those about a failure.
pub(super) fn source_attributes(attributes: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let about_failure = [FAILURE_REASON, FAILURE_TYPE, SOURCE_MESSAGE_ID, RECEIVE_COUNT];
    let own = attributes.iter().filter(|(name, _)| !about_failure.contains(&name.as_str()));
    own.map(|(name, value)| (name.clone(), value.clone())).collect()
}
