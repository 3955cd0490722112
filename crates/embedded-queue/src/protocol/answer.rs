//! Answers become JSON. What is empty is left out, as SQS leaves it out.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer, ser};
use serde_json::json;
use uuid::Uuid;

use super::{Filter, md5, task_handle};
use crate::core::{ACCOUNT, Answer, Attribute, Delivery, Entry, Error, Progress, QueueName, Sent, Status, Value};

/// The JSON of an answer. `base` is the endpoint's address, which those of queues begin with.
pub fn answer(answer: &Answer, filter: &Filter, base: &str) -> Vec<u8> {
    let url = |queue: &QueueName| format!("{base}/{ACCOUNT}/{}", queue.name);
    match answer {
        Answer::Done => write(&json!({})),
        Answer::Queue(queue) => write(&json!({ "QueueUrl": url(queue) })),
        Answer::Queues(queues, next) => {
            let queue_urls = queues.iter().map(url).collect();
            write(&Queues { queue_urls, next_token: next.as_ref().map(|name| STANDARD.encode(name)) })
        }
        Answer::Sources(queues, next) => {
            let queue_urls = queues.iter().map(url).collect();
            write(&Sources { queue_urls, next_token: next.as_ref().map(|name| STANDARD.encode(name)) })
        }
        Answer::Attributes(list) if list.is_empty() => write(&json!({})),
        Answer::Attributes(list) => {
            write(&json!({ "Attributes": list.iter().map(|(name, value)| (*name, value)).collect::<BTreeMap<_, _>>() }))
        }
        Answer::Tags(tags) if tags.is_empty() => write(&json!({})),
        Answer::Tags(tags) => write(&json!({ "Tags": tags })),
        Answer::Sent(sent) => write(&SentShape::new(None, sent)),
        Answer::SentBatch(entries) => write_batch(entries, |id, sent| SentShape::new(Some(id), sent)),
        Answer::DoneBatch(entries) => write_batch(entries, |id, ()| DoneShape { id }),
        Answer::Messages(deliveries, _) => {
            write(&Messages { messages: deliveries.iter().map(|delivery| Message::new(delivery, filter)).collect() })
        }
        Answer::Started(task, source) => write(&json!({ "TaskHandle": task_handle::encode(*task, source) })),
        Answer::Cancelled(moved) => write(&json!({ "ApproximateNumberOfMessagesMoved": moved })),
        Answer::MoveTasks(tasks) => write(&json!({ "Results": tasks.iter().map(MoveTask::new).collect::<Vec<_>>() })),
    }
}

/// The JSON of a refusal.
pub fn error(error: &Error) -> Vec<u8> {
    let shape = format!("com.amazonaws.sqs#{}", error.code.shape());
    write(&json!({ "__type": shape, "message": error.message }))
}

fn write(shape: &impl Serialize) -> Vec<u8> {
    // Nothing in here can fail to be JSON: keys are strings, and memory is written to.
    serde_json::to_vec(shape).unwrap_or_default()
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Queues {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    queue_urls: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// The model spells its first member small, and requires it.
#[derive(Serialize)]
struct Sources {
    #[serde(rename = "queueUrls")]
    queue_urls: Vec<String>,
    #[serde(rename = "NextToken", skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SentShape<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(rename = "MD5OfMessageBody")]
    md5_of_body: Hex,
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    md5_of_attributes: Option<Hex>,
    #[serde(rename = "MD5OfMessageSystemAttributes", skip_serializing_if = "Option::is_none")]
    md5_of_system_attributes: Option<Hex>,
    message_id: Uuid,
}

impl<'a> SentShape<'a> {
    fn new(id: Option<&'a str>, sent: &Sent) -> Self {
        let Sent { content, .. } = sent;
        Self {
            id,
            md5_of_body: Hex(content.body_md5),
            md5_of_attributes: (!content.attributes.is_empty()).then_some(Hex(content.attributes_md5)),
            md5_of_system_attributes: sent.system_md5.map(Hex),
            message_id: sent.id,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DoneShape<'a> {
    id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Batch<'a, T> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    successful: Vec<T>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failed: Vec<Failed<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Failed<'a> {
    id: &'a str,
    sender_fault: bool,
    code: &'static str,
    message: &'a str,
}

fn write_batch<'a, R, T: Serialize>(
    entries: &'a [Entry<Result<R, Error>>],
    shape: impl Fn(&'a str, &'a R) -> T,
) -> Vec<u8> {
    let mut batch = Batch { successful: Vec::new(), failed: Vec::new() };
    for Entry { id, what } in entries {
        match what {
            Ok(done) => batch.successful.push(shape(id, done)),
            Err(Error { code, message }) => {
                batch.failed.push(Failed { id, sender_fault: true, code: code.query(), message });
            }
        }
    }
    write(&batch)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Messages<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    messages: Vec<Message<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Message<'a> {
    message_id: Uuid,
    receipt_handle: &'a str,
    #[serde(rename = "MD5OfBody")]
    md5_of_body: Hex,
    body: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_map")]
    attributes: Vec<(&'static str, Cow<'a, str>)>,
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    md5_of_attributes: Option<Hex>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_attributes: Option<Attributes<'a>>,
}

impl<'a> Message<'a> {
    fn new(delivery: &'a Delivery, filter: &'a Filter) -> Self {
        let content = &delivery.content;
        let wanted = || content.attributes.iter().filter(|attribute| filter.attribute(&attribute.name));
        let any = wanted().next().is_some();
        // The digest is over what is handed out.
        let digest = || match filter.all_attributes() {
            true => Hex(content.attributes_md5),
            false => Hex(md5::of_attributes(wanted())),
        };
        Self {
            message_id: delivery.id,
            receipt_handle: &delivery.handle,
            md5_of_body: Hex(content.body_md5),
            body: &content.body,
            attributes: system_attributes(delivery, filter),
            md5_of_attributes: any.then(digest),
            message_attributes: any.then_some(Attributes { attributes: &content.attributes, filter }),
        }
    }
}

/// Those that are asked for. Each value is a string, numbers included.
fn system_attributes<'a>(delivery: &'a Delivery, filter: &Filter) -> Vec<(&'static str, Cow<'a, str>)> {
    let number = |number: u64| Some(Cow::Owned(number.to_string()));
    let text = |text: Option<&'a str>| text.map(Cow::Borrowed);
    let all: [(_, &dyn Fn() -> Option<Cow<'a, str>>); 7] = [
        ("SenderId", &|| text(Some(ACCOUNT))),
        ("SentTimestamp", &|| number(delivery.sent)),
        ("ApproximateReceiveCount", &|| number(delivery.receives.into())),
        ("ApproximateFirstReceiveTimestamp", &|| number(delivery.first_received)),
        ("MessageGroupId", &|| text(delivery.content.group.as_deref())),
        ("AWSTraceHeader", &|| text(delivery.content.trace_header.as_deref())),
        ("DeadLetterQueueSourceArn", &|| text(delivery.source.as_deref())),
    ];
    let wanted = all.into_iter().filter(|(name, _)| filter.system(name));
    wanted.filter_map(|(name, value)| value().map(|value| (name, value))).collect()
}

fn as_map<S: Serializer>(pairs: &[(&'static str, Cow<'_, str>)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(name, value)| (name, value)))
}

struct Attributes<'a> {
    attributes: &'a [Attribute],
    filter: &'a Filter,
}

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let wanted = self.attributes.iter().filter(|attribute| self.filter.attribute(&attribute.name));
        serializer.collect_map(wanted.map(|attribute| (&attribute.name, AttributeShape::new(attribute))))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AttributeShape<'a> {
    data_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    string_value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    binary_value: Option<String>,
}

impl<'a> AttributeShape<'a> {
    fn new(attribute: &'a Attribute) -> Self {
        let (string_value, binary_value) = match &attribute.value {
            Value::Text(text) => (Some(&**text), None),
            Value::Binary(bytes) => (None, Some(STANDARD.encode(bytes))),
        };
        Self { data_type: &attribute.data_type, string_value, binary_value }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct MoveTask {
    #[serde(skip_serializing_if = "Option::is_none")]
    task_handle: Option<String>,
    status: &'static str,
    source_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_number_of_messages_per_second: Option<u32>,
    approximate_number_of_messages_moved: u64,
    approximate_number_of_messages_to_move: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_reason: Option<&'static str>,
    started_timestamp: u64,
}

impl MoveTask {
    fn new(progress: &Progress) -> Self {
        let (status, failure_reason) = match progress.status {
            Status::Running => ("RUNNING", None),
            Status::Completed => ("COMPLETED", None),
            Status::Cancelled => ("CANCELLED", None),
            Status::Failed(reason) => ("FAILED", Some(reason)),
        };
        let running = progress.status == Status::Running;
        Self {
            task_handle: running.then(|| task_handle::encode(progress.task, &progress.source)),
            status,
            source_arn: progress.source.arn(),
            destination_arn: progress.destination.as_ref().map(QueueName::arn),
            max_number_of_messages_per_second: progress.per_second,
            approximate_number_of_messages_moved: progress.moved,
            approximate_number_of_messages_to_move: progress.to_move,
            failure_reason,
            started_timestamp: progress.started,
        }
    }
}

/// A digest in the form that SDKs compare.
#[derive(Clone, Copy)]
struct Hex([u8; 16]);

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 32];
        for (byte, pair) in self.0.iter().zip(text.chunks_exact_mut(2)) {
            pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
        serializer.serialize_str(str::from_utf8(&text).map_err(ser::Error::custom)?)
    }
}
