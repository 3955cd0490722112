//! Handles of move tasks: base64 of JSON that names the task and its queue, as SQS makes them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use uuid::Uuid;

use crate::core::{Code, Error, QueueName};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Handle {
    task_id: Uuid,
    source_arn: String,
}

pub(super) fn encode(task: Uuid, source: &QueueName) -> String {
    let arn = source.arn();
    STANDARD.encode(format!(r#"{{"taskId":"{task}","sourceArn":"{arn}"}}"#))
}

pub(super) fn decode(handle: &str) -> Result<(Uuid, QueueName), Error> {
    let invalid = || Error::invalid("Value for parameter TaskHandle is invalid.");
    let json = STANDARD.decode(handle).map_err(|_| invalid())?;
    let Handle { task_id, source_arn } = serde_json::from_slice(&json).map_err(|_| invalid())?;
    let message = "The resource that you specified for the SourceArn parameter doesn't exist.";
    let source = QueueName::from_arn(&source_arn).ok_or_else(|| Error::new(Code::ResourceNotFound, message))?;
    Ok((task_id, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_leads_back_to_its_task() {
        let queue = QueueName::from_arn("arn:aws:sqs:us-east-1:000000000000:dlq").unwrap();
        let task = Uuid::from_u128(7);
        assert_eq!(decode(&encode(task, &queue)).unwrap(), (task, queue));
        for handle in ["", "foobared", "e30="] {
            assert_eq!(decode(handle).unwrap_err().code, Code::InvalidParameterValue, "{handle}");
        }
    }
}
