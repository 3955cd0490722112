//! What SQS refuses, in its own codes.

use std::fmt;

/// A refusal: which error of SQS's API it is, and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The error's kind.
    pub code: Code,
    /// The sentence for the person who made the call.
    pub message: String,
}

impl Error {
    /// An error of kind `code` that says `message`.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidParameterValue, message)
    }

    /// SQS's usual sentence about a parameter.
    pub(crate) fn parameter(name: &str, value: impl fmt::Display, reason: &str) -> Self {
        Self::invalid(format!("Value {value} for parameter {name} is invalid. Reason: {reason}"))
    }

    pub(crate) fn missing(parameter: &str) -> Self {
        Self::new(Code::MissingParameter, format!("The request must contain the parameter {parameter}."))
    }

    pub(crate) fn no_queue() -> Self {
        Self::new(Code::NonExistentQueue, "The specified queue does not exist.")
    }

    pub(crate) fn unknown_attribute(name: &str) -> Self {
        Self::new(Code::InvalidAttributeName, format!("Unknown Attribute {name}."))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.query(), self.message)
    }
}

impl std::error::Error for Error {}

/// The kinds of error, each with its name in the JSON protocol, its code in the query protocol (which SDKs go on showing)
/// and its HTTP status, as the service's model has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the API reference says what each means")]
pub enum Code {
    BatchEntryIdsNotDistinct,
    BatchRequestTooLong,
    EmptyBatchRequest,
    InternalFailure,
    InvalidAction,
    InvalidAddress,
    InvalidAttributeName,
    InvalidAttributeValue,
    InvalidBatchEntryId,
    InvalidMessageContents,
    InvalidParameterValue,
    MissingParameter,
    NonExistentQueue,
    OverLimit,
    PurgeQueueInProgress,
    QueueAlreadyExists,
    QueueDeletedRecently,
    ReceiptHandleIsInvalid,
    ResourceNotFound,
    Serialization,
    TooManyEntriesInBatchRequest,
    UnsupportedOperation,
}

impl Code {
    /// The shape's name in the JSON protocol, as `__type` has it.
    pub fn shape(self) -> &'static str {
        self.row().0
    }

    /// The code in the query protocol, as `x-amzn-query-error` and the entries of batches have it.
    pub fn query(self) -> &'static str {
        self.row().1
    }

    /// The HTTP status.
    pub fn status(self) -> u16 {
        self.row().2
    }

    fn row(self) -> (&'static str, &'static str, u16) {
        match self {
            Self::BatchEntryIdsNotDistinct => {
                ("BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct", 400)
            }
            Self::BatchRequestTooLong => ("BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong", 400),
            Self::EmptyBatchRequest => ("EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest", 400),
            Self::InternalFailure => ("InternalFailure", "InternalFailure", 500),
            Self::InvalidAction => ("InvalidAction", "InvalidAction", 400),
            Self::InvalidAddress => ("InvalidAddress", "InvalidAddress", 404),
            Self::InvalidAttributeName => ("InvalidAttributeName", "InvalidAttributeName", 400),
            Self::InvalidAttributeValue => ("InvalidAttributeValue", "InvalidAttributeValue", 400),
            Self::InvalidBatchEntryId => ("InvalidBatchEntryId", "AWS.SimpleQueueService.InvalidBatchEntryId", 400),
            Self::InvalidMessageContents => ("InvalidMessageContents", "InvalidMessageContents", 400),
            Self::InvalidParameterValue => ("InvalidParameterValueException", "InvalidParameterValue", 400),
            Self::MissingParameter => ("MissingRequiredParameterException", "MissingParameter", 400),
            Self::NonExistentQueue => ("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", 400),
            Self::OverLimit => ("OverLimit", "OverLimit", 403),
            Self::PurgeQueueInProgress => ("PurgeQueueInProgress", "AWS.SimpleQueueService.PurgeQueueInProgress", 403),
            Self::QueueAlreadyExists => ("QueueNameExists", "QueueAlreadyExists", 400),
            Self::QueueDeletedRecently => ("QueueDeletedRecently", "AWS.SimpleQueueService.QueueDeletedRecently", 400),
            Self::ReceiptHandleIsInvalid => ("ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", 404),
            Self::ResourceNotFound => ("ResourceNotFoundException", "ResourceNotFoundException", 404),
            Self::Serialization => ("SerializationException", "SerializationException", 400),
            Self::TooManyEntriesInBatchRequest => {
                ("TooManyEntriesInBatchRequest", "AWS.SimpleQueueService.TooManyEntriesInBatchRequest", 400)
            }
            Self::UnsupportedOperation => ("UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation", 400),
        }
    }
}
