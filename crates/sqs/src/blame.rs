//! Whom an error code of SQS blames.
//!
//! Only SQS itself can condemn a message, and only with a code that speaks of what the message contains. Anything else may
//! be mended without touching the message: a key, a right, a limit, a wrong address at which something answers that is not
//! SQS. So what is not listed here is an outage, unknown codes included. The flag `SenderFault` does not tell: it is also
//! set for keys and rights, and LocalStack leaves it out for the message's own faults.

/// Codes of an entry of `SendMessageBatch` that failed although the call did not.
const OF_AN_ENTRY: [&str; 2] = [
    // Characters that XML 1.0 has not, in the body.
    // <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html#API_SendMessage_Errors>
    "InvalidMessageContents",
    // Larger than the queue's MaximumMessageSize, or an attribute's name or value that cannot be. An entry has no other
    // parameters here: no delay, no group.
    "InvalidParameterValue",
];

/// Codes of a `SendMessageBatch` that failed as a whole because of what its entries contain. `InvalidParameterValue` is
/// not one of them: of a call, it speaks of the queue's address.
const OF_A_CALL: [&str; 2] = [
    // Larger than a call may be. It condemns a message only if that was alone in the call.
    // <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html#API_SendMessageBatch_Errors>
    "BatchRequestTooLong",
    "InvalidMessageContents",
];

/// Codes of an entry of `DeleteMessageBatch` or `ChangeMessageVisibilityBatch`: the receipt handle is no longer good for
/// anything. The message is in the queue, or another consumer has it, or it is gone; this receive is over.
const OF_A_RECEIPT_HANDLE: [&str; 3] = [
    "ReceiptHandleIsInvalid",
    // "The receipt handle has expired."
    "InvalidParameterValue",
    "MessageNotInflight",
];

/// Whether an entry that was not sent is to blame for it itself.
pub(crate) fn on_entry(code: &str) -> bool {
    OF_AN_ENTRY.contains(&bare(code))
}

/// Whether what its entries contain is to blame for a send that failed as a whole.
pub(crate) fn on_entries(code: &str) -> bool {
    OF_A_CALL.contains(&bare(code))
}

/// Whether the receipt handle is to blame.
pub(crate) fn on_receipt_handle(code: &str) -> bool {
    OF_A_RECEIPT_HANDLE.contains(&bare(code))
}

/// Whether there is no such queue.
pub(crate) fn on_queue_name(code: &str) -> bool {
    ["NonExistentQueue", "QueueDoesNotExist"].contains(&bare(code))
}

/// The code without its namespace (`AWS.SimpleQueueService.`, `com.amazonaws.sqs#`), and without what LocalStack appends.
fn bare(code: &str) -> &str {
    let name = code.rsplit(['.', '#']).next().unwrap_or(code);
    name.strip_suffix("Exception").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_speaks_of_a_messages_content_blames_a_message() {
        for code in ["InvalidMessageContents", "InvalidParameterValue", "InvalidParameterValueException"] {
            assert!(on_entry(code), "{code}");
        }
        for code in [
            "AWS.SimpleQueueService.BatchRequestTooLong",
            "com.amazonaws.sqs#BatchRequestTooLong",
            "InvalidMessageContents",
        ] {
            assert!(on_entries(code), "{code}");
        }
        let others = [
            "AccessDenied",
            "AccessDeniedException",
            "AWS.SimpleQueueService.NonExistentQueue",
            "InternalError",
            "InvalidAddress",
            "InvalidSecurity",
            "KMS.DisabledException",
            "KmsThrottled",
            "MissingParameter",
            "NotAuthorized",
            "RequestThrottled",
            "SomethingNew",
            "ThrottlingException",
            "UnsupportedOperation",
            "ValidationError",
            "",
        ];
        for code in others {
            assert!(!on_entry(code) && !on_entries(code) && !on_receipt_handle(code), "{code}");
        }
        assert!(!on_entries("InvalidParameterValue"), "of a call, it speaks of the queue's address");
    }
}
