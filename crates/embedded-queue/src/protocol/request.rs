//! Requests become calls.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;

use super::requests::{self, Map, OfQueue};
use super::{Filter, batch, content, task_handle};
use crate::core::{Call, Change, Code, Entry, Error, NewMessage, Page, QueueName, Receive, Visibility};

/// What a request says beside its body.
#[derive(Clone, Debug)]
pub struct Context {
    /// The region of its signature.
    pub region: Arc<str>,
    /// Its header `X-Amzn-Trace-Id`.
    pub trace_header: Option<String>,
}

/// A request that has been understood.
#[derive(Debug)]
pub struct Request {
    /// What is to be done.
    pub call: Call,
    /// What the answer is to say of messages.
    pub filter: Filter,
}

const LONGEST_PAGE: i64 = 1000;

/// Reads the body of a request for `action`, and checks all that can be checked without knowing the queue.
pub fn read(action: &str, body: &[u8], context: &Context) -> Result<Request, Error> {
    let mut filter = Filter::default();
    let reader = Reader { body, context };
    let call = match action {
        "CreateQueue" => reader.create_queue()?,
        "GetQueueUrl" => reader.get_queue_url()?,
        "ListQueues" => reader.list_queues()?,
        "SendMessage" => reader.send_message()?,
        "SendMessageBatch" => reader.send_message_batch()?,
        "ReceiveMessage" => {
            let call;
            (call, filter) = reader.receive_message()?;
            call
        }
        "DeleteMessage" | "ChangeMessageVisibility" => reader.receipt(action)?,
        "DeleteMessageBatch" | "ChangeMessageVisibilityBatch" => reader.receipts(action)?,
        "StartMessageMoveTask" | "CancelMessageMoveTask" | "ListMessageMoveTasks" => reader.move_task(action)?,
        _ => reader.of_queue(action)?,
    };
    Ok(Request { call, filter })
}

struct Reader<'a> {
    body: &'a [u8],
    context: &'a Context,
}

impl Reader<'_> {
    fn shape<T: DeserializeOwned>(&self) -> Result<T, Error> {
        // A call without parameters may have no body at all.
        let body = if self.body.is_empty() { b"{}" } else { self.body };
        serde_json::from_slice(body).map_err(|error| {
            Error::new(Code::Serialization, format!("The request body is not what the action takes: {error}"))
        })
    }

    fn queue(&self, url: Option<String>) -> Result<QueueName, Error> {
        QueueName::from_url(&self.context.region, &required(url, "QueueUrl")?)
    }

    fn create_queue(&self) -> Result<Call, Error> {
        let request: requests::CreateQueue = self.shape()?;
        let name = required(request.queue_name, "QueueName")?;
        let attributes = request.attributes.unwrap_or_default();
        if attributes.get("FifoQueue").is_some_and(|fifo| fifo.eq_ignore_ascii_case("true")) {
            let message = "The embedded queue has standard queues only: create the queue without FifoQueue and .fifo.";
            return Err(Error::new(Code::UnsupportedOperation, message));
        }
        let queue = QueueName::parse(&self.context.region, &name)?;
        Ok(Call::CreateQueue { queue, attributes: changes(&attributes)?, tags: request.tags.unwrap_or_default() })
    }

    fn get_queue_url(&self) -> Result<Call, Error> {
        let request: requests::GetQueueUrl = self.shape()?;
        let name = required(request.queue_name, "QueueName")?;
        if request.owner.is_some_and(|owner| owner != crate::core::ACCOUNT) {
            return Err(Error::no_queue());
        }
        Ok(Call::GetQueueUrl { queue: QueueName { region: self.context.region.clone(), name: name.into() } })
    }

    fn list_queues(&self) -> Result<Call, Error> {
        let request: requests::ListQueues = self.shape()?;
        let page = page(request.next_token, request.max_results)?;
        let prefix = request.queue_name_prefix.unwrap_or_default();
        Ok(Call::ListQueues { region: self.context.region.clone(), prefix, page })
    }

    fn send_message(&self) -> Result<Call, Error> {
        let mut request: requests::Message = self.shape()?;
        let queue = self.queue(request.queue_url.take())?;
        Ok(Call::SendMessage { queue, message: self.message(request)? })
    }

    fn send_message_batch(&self) -> Result<Call, Error> {
        let request: requests::Batch<requests::Message> = self.shape()?;
        let queue = self.queue(request.queue_url)?;
        let entries = batch::entries(request.entries, "SendMessageBatchRequestEntry", |entry| entry.id.take())?;
        batch::check_size(&entries)?;
        let entries = entries.into_iter().map(|Entry { id, what }| Entry { id, what: self.message(what) });
        Ok(Call::SendMessageBatch { queue, entries: entries.collect() })
    }

    fn message(&self, message: requests::Message) -> Result<NewMessage, Error> {
        content::message(message, self.context.trace_header.as_deref())
    }

    fn receive_message(&self) -> Result<(Call, Filter), Error> {
        let request: requests::ReceiveMessage = self.shape()?;
        let queue = self.queue(request.queue_url)?;
        if let Some(id) = request.receive_request_attempt_id {
            let reason = "The request includes a parameter that is not valid for this queue type.";
            return Err(Error::parameter("ReceiveRequestAttemptId", id, reason));
        }
        let most = request.max_number_of_messages.unwrap_or(1);
        let most = within("MaxNumberOfMessages", most, 1..=10, "Must be between 1 and 10, if provided.")?;
        let visibility_timeout = request.visibility_timeout.map(visibility_timeout).transpose()?;
        let wait = request
            .wait_time_seconds
            .map(|seconds| within("WaitTimeSeconds", seconds, 0..=20, "Must be >= 0 and <= 20, if provided."));
        let mut system = request.message_system_attribute_names.unwrap_or_default();
        // The older member is of the type of a queue's attributes: those names are valid there, and of no effect.
        let older = request.attribute_names.unwrap_or_default();
        system.extend(older.into_iter().filter(|name| name == "All" || !crate::core::is_readable(name)));
        let filter = Filter::new(system, request.message_attribute_names.unwrap_or_default())?;
        let receive = Receive { queue, most: most as usize, visibility_timeout, wait: wait.transpose()? };
        Ok((Call::ReceiveMessage(receive), filter))
    }

    fn receipt(&self, action: &str) -> Result<Call, Error> {
        let mut request: requests::Receipt = self.shape()?;
        let queue = self.queue(request.queue_url.take())?;
        match action {
            "DeleteMessage" => Ok(Call::DeleteMessage { queue, handle: handle(request)? }),
            _ => Ok(Call::ChangeMessageVisibility { queue, visibility: visibility(request)? }),
        }
    }

    fn receipts(&self, action: &str) -> Result<Call, Error> {
        let request: requests::Batch<requests::Receipt> = self.shape()?;
        let queue = self.queue(request.queue_url)?;
        let entries = batch::entries(request.entries, &format!("{action}RequestEntry"), |entry| entry.id.take())?;
        let entries = entries.into_iter();
        Ok(match action {
            "DeleteMessageBatch" => {
                let entries = entries.map(|Entry { id, what }| Entry { id, what: handle(what) });
                Call::DeleteMessageBatch { queue, entries: entries.collect() }
            }
            _ => {
                let entries = entries.map(|Entry { id, what }| Entry { id, what: visibility(what) });
                Call::ChangeMessageVisibilityBatch { queue, entries: entries.collect() }
            }
        })
    }

    fn move_task(&self, action: &str) -> Result<Call, Error> {
        let request: requests::MoveTask = self.shape()?;
        if action == "CancelMessageMoveTask" {
            let (task, source) = task_handle::decode(&required(request.task_handle, "TaskHandle")?)?;
            return Ok(Call::CancelMessageMoveTask { source, task });
        }
        let source = arn("SourceArn", &required(request.source_arn, "SourceArn")?)?;
        if action == "ListMessageMoveTasks" {
            let reason = "Must be between 1 and 10, if provided.";
            let most = within("MaxResults", request.max_results.unwrap_or(1), 1..=10, reason)?;
            return Ok(Call::ListMessageMoveTasks { source, most: most as usize });
        }
        let destination = request.destination_arn.map(|text| arn("DestinationArn", &text)).transpose()?;
        let per_second = request.max_number_of_messages_per_second.map(|number| {
            within("MaxNumberOfMessagesPerSecond", number, 1..=500, "Must be between 1 and 500, if provided.")
        });
        Ok(Call::StartMessageMoveTask { source, destination, per_second: per_second.transpose()? })
    }

    fn of_queue(&self, action: &str) -> Result<Call, Error> {
        let request: OfQueue = match action {
            "DeleteQueue"
            | "GetQueueAttributes"
            | "SetQueueAttributes"
            | "PurgeQueue"
            | "TagQueue"
            | "UntagQueue"
            | "ListQueueTags"
            | "AddPermission"
            | "RemovePermission"
            | "ListDeadLetterSourceQueues" => self.shape()?,
            _ => {
                let message = format!("The action {action} is not valid for this endpoint.");
                return Err(Error::new(Code::InvalidAction, message));
            }
        };
        let queue = self.queue(request.queue_url)?;
        Ok(match action {
            "DeleteQueue" => Call::DeleteQueue { queue },
            "GetQueueAttributes" => {
                Call::GetQueueAttributes { queue, names: request.attribute_names.unwrap_or_default() }
            }
            "SetQueueAttributes" => {
                let attributes = changes(&required(request.attributes, "Attributes")?)?;
                Call::SetQueueAttributes { queue, attributes }
            }
            "PurgeQueue" => Call::PurgeQueue { queue },
            "TagQueue" => Call::TagQueue { queue, tags: required(request.tags, "Tags")? },
            "UntagQueue" => Call::UntagQueue { queue, keys: required(request.tag_keys, "TagKeys")? },
            "ListQueueTags" => Call::ListQueueTags { queue },
            "AddPermission" => Call::AddPermission {
                queue,
                label: required(request.label, "Label")?,
                accounts: required(request.accounts.filter(|ids| !ids.is_empty()), "AWSAccountIds")?,
                actions: required(request.actions.filter(|actions| !actions.is_empty()), "Actions")?,
            },
            "RemovePermission" => Call::RemovePermission { queue, label: required(request.label, "Label")? },
            _ => Call::ListDeadLetterSourceQueues { queue, page: page(request.next_token, request.max_results)? },
        })
    }
}

fn required<T>(value: Option<T>, name: &str) -> Result<T, Error> {
    value.ok_or_else(|| Error::missing(name))
}

fn within(name: &str, value: i64, range: RangeInclusive<i64>, reason: &str) -> Result<u32, Error> {
    let refused = |value: &dyn Display| Error::parameter(name, value, reason);
    if range.contains(&value) { Ok(value as u32) } else { Err(refused(&value)) }
}

fn visibility_timeout(seconds: i64) -> Result<u32, Error> {
    within("VisibilityTimeout", seconds, 0..=43_200, "Must be between 0 and 43200, if provided.")
}

fn handle(receipt: requests::Receipt) -> Result<String, Error> {
    required(receipt.receipt_handle, "ReceiptHandle")
}

fn visibility(receipt: requests::Receipt) -> Result<Visibility, Error> {
    let timeout = visibility_timeout(required(receipt.visibility_timeout, "VisibilityTimeout")?)?;
    Ok(Visibility { handle: handle(receipt)?, timeout })
}

fn changes(attributes: &Map) -> Result<Vec<Change>, Error> {
    Change::parse_all(attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

fn arn(parameter: &str, text: &str) -> Result<QueueName, Error> {
    QueueName::from_arn(text).ok_or_else(|| {
        let format = "arn:<partition>:<service>:<region>:<account-id>:<resource-id>";
        Error::invalid(format!("You must use this format to specify the {parameter}: {format}"))
    })
}

/// Tokens are names in base64: those before them have been listed.
fn page(token: Option<String>, most: Option<i64>) -> Result<Page, Error> {
    let after = token.map(|token| {
        let name = STANDARD.decode(&token).ok().and_then(|name| String::from_utf8(name).ok());
        name.ok_or_else(|| Error::invalid("Invalid or expired next token."))
    });
    let reason = "MaxResults must be an integer between 1 and 1000.";
    let length = within("MaxResults", most.unwrap_or(LONGEST_PAGE), 1..=LONGEST_PAGE, reason)?;
    Ok(Page { after: after.transpose()?, most: length as usize, more: most.is_some() })
}
