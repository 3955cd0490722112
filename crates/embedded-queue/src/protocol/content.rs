//! What a message may consist of
//! (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>).

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::md5;
use super::number::is_number;
use super::requests::{AttributeValue, Message};
use crate::core::{Attribute, Code, Content, Error, NewMessage, Value};

const MOST_ATTRIBUTES: usize = 10;
const LONGEST_NAME: usize = 256;
const LONGEST_DELAY: i64 = 900;
const LONGEST_GROUP: usize = 128;
const TRACE_HEADER: &str = "AWSTraceHeader";
const ALLOWED: &str = "#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF";

/// Body and attributes in bytes, as they count towards the limits.
pub(super) fn size(message: &Message) -> usize {
    let value = |value: &AttributeValue| {
        let binary = value.binary_value.as_ref().map_or(0, |text| text.trim_end_matches('=').len() * 3 / 4);
        value.data_type.as_ref().map_or(0, String::len) + value.string_value.as_ref().map_or(0, String::len) + binary
    };
    let attributes = message.message_attributes.iter().flatten().map(|(name, given)| name.len() + value(given));
    message.message_body.as_ref().map_or(0, String::len) + attributes.sum::<usize>()
}

/// Checks a message, and computes its digests. `traced` is what the request's own header says.
pub(super) fn message(message: Message, traced: Option<&str>) -> Result<NewMessage, Error> {
    let size = size(&message);
    let body = message.message_body.filter(|body| !body.is_empty()).ok_or_else(|| Error::missing("MessageBody"))?;
    if let Some(bad) = body.chars().find(|c| !is_allowed(*c)) {
        let found = format!("Invalid binary character '#x{:X}' was found in the message body", u32::from(bad));
        let message = format!("{found}, the set of allowed characters is {ALLOWED}");
        return Err(Error::new(Code::InvalidMessageContents, message));
    }
    if let Some(id) = message.message_deduplication_id {
        let reason = "The request includes a parameter that is not valid for this queue type.";
        return Err(Error::parameter("MessageDeduplicationId", id, reason));
    }
    let attributes = attributes(message.message_attributes.unwrap_or_default())?;
    let system = system_attributes(message.message_system_attributes.unwrap_or_default())?;
    let delay = message.delay_seconds.map(|delay| {
        let allowed = (0..=LONGEST_DELAY).contains(&delay);
        let reason = "DelaySeconds must be >= 0 and <= 900.";
        allowed.then_some(delay as u32).ok_or_else(|| Error::parameter("DelaySeconds", delay, reason))
    });
    let content = Content {
        body_md5: md5::of_text(&body),
        body: body.into_boxed_str(),
        attributes_md5: if attributes.is_empty() { [0; 16] } else { md5::of_attributes(attributes.iter()) },
        attributes: attributes.into_boxed_slice(),
        trace_header: system.trace_header.or_else(|| traced.map(Into::into)),
        group: message.message_group_id.map(group).transpose()?,
    };
    Ok(NewMessage { content: Arc::new(content), size, delay: delay.transpose()?, system_md5: system.md5 })
}

/// <https://www.w3.org/TR/REC-xml/#charsets>
fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
}

fn group(id: String) -> Result<Arc<str>, Error> {
    if (1..=LONGEST_GROUP).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(id.into());
    }
    let reason = "MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length.";
    Err(Error::parameter("MessageGroupId", id, reason))
}

fn attributes(given: BTreeMap<String, AttributeValue>) -> Result<Vec<Attribute>, Error> {
    if given.len() > MOST_ATTRIBUTES {
        return Err(Error::invalid(format!(
            "Number of message attributes [{}] exceeds the allowed maximum [{MOST_ATTRIBUTES}].",
            given.len()
        )));
    }
    given.into_iter().map(|(name, value)| check_name(&name).and_then(|()| attribute(name, value))).collect()
}

fn check_name(name: &str) -> Result<(), Error> {
    let refused = |what: &str| Err(Error::invalid(format!("Message (user) attribute name '{name}' {what}")));
    let lower = name.to_ascii_lowercase();
    if !(1..=LONGEST_NAME).contains(&name.len()) {
        return refused("must have 1 to 256 characters.");
    }
    // SQS takes letters of any script, whatever its documentation says.
    if !name.chars().all(|c| c.is_alphanumeric() || "_-.".contains(c)) {
        return refused("can contain letters, digits, underscores, hyphens and periods only.");
    }
    if name.starts_with('.') || name.ends_with('.') || name.contains("..") {
        return refused("must not start or end with a period, nor have periods in succession.");
    }
    if lower.starts_with("aws.") || lower.starts_with("amazon.") {
        return refused("must not start with 'AWS.' or 'Amazon.': these are reserved.");
    }
    Ok(())
}

fn attribute(name: String, given: AttributeValue) -> Result<Attribute, Error> {
    let what = |what: &str| Error::invalid(format!("The message attribute '{name}' {what}"));
    let data_type = given.data_type.filter(|data_type| !data_type.is_empty());
    let data_type = data_type.ok_or_else(|| what("must contain a non-empty message attribute type."))?;
    if given.string_list_values.is_some_and(|list| !list.is_empty())
        || given.binary_list_values.is_some_and(|list| !list.is_empty())
    {
        return Err(Error::new(
            Code::UnsupportedOperation,
            "Message attribute list values are not implemented in SQS.",
        ));
    }
    let kind = data_type.split('.').next().unwrap_or_default();
    if data_type.len() > LONGEST_NAME || !data_type.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(what("has an invalid message attribute type: it has at most 256 printable characters."));
    }
    let value = match (kind, given.string_value, given.binary_value) {
        ("String" | "Number", None, Some(_)) | ("Binary", Some(_), None) | (_, Some(_), Some(_)) => {
            let field = if kind == "Number" { "String" } else { kind };
            return Err(what(&format!("with type '{data_type}' must use field '{field}'.")));
        }
        ("String" | "Number", text, _) => Value::Text(check_text(&name, kind, text)?),
        ("Binary", _, bytes) => {
            let bytes = bytes.map(|bytes| STANDARD.decode(bytes)).transpose();
            let bytes = bytes.map_err(|_| what("has a binary value that is not base64."))?;
            Value::Binary(bytes.filter(|bytes| !bytes.is_empty()).ok_or_else(|| empty(&name, kind))?.into())
        }
        _ => {
            let known = "the set of supported type prefixes is Binary, Number, and String.";
            return Err(what(&format!("has an invalid message attribute type, {known}")));
        }
    };
    Ok(Attribute { name: name.into(), data_type: data_type.into(), value })
}

fn check_text(name: &str, kind: &str, text: Option<String>) -> Result<Box<str>, Error> {
    let text = text.filter(|text| !text.is_empty()).ok_or_else(|| empty(name, kind))?;
    if kind == "Number" && !is_number(&text) {
        return Err(Error::invalid(format!("Can't cast the value of message (user) attribute '{name}' to a number.")));
    }
    if !text.chars().all(is_allowed) {
        let message = format!("Message (user) attribute '{name}' has a character that is not allowed: {ALLOWED}");
        return Err(Error::invalid(message));
    }
    Ok(text.into())
}

fn empty(name: &str, kind: &str) -> Error {
    Error::invalid(format!("Message (user) attribute '{name}' must contain a non-empty value of type '{kind}'."))
}

/// What a message's system attributes come to.
#[derive(Default)]
struct SystemAttributes {
    trace_header: Option<Box<str>>,
    md5: Option<[u8; 16]>,
}

fn system_attributes(given: BTreeMap<String, AttributeValue>) -> Result<SystemAttributes, Error> {
    let mut system = SystemAttributes::default();
    for (name, value) in given {
        if name != TRACE_HEADER {
            let message = format!("Message system attribute name '{name}' is invalid: there is {TRACE_HEADER} only.");
            return Err(Error::invalid(message));
        }
        if value.data_type.as_deref() != Some("String") {
            return Err(Error::invalid(format!("Message system attribute '{name}' must have the type 'String'.")));
        }
        let header = attribute(name, value)?;
        system.md5 = Some(md5::of_attributes([&header].into_iter()));
        if let Value::Text(text) = header.value {
            system.trace_header = Some(text);
        }
    }
    Ok(system)
}
