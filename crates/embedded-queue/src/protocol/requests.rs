//! The shapes of the requests, as the service's model has them. Whether a member must be there is checked later.

use std::collections::BTreeMap;

use serde::Deserialize;

pub(super) type Map = BTreeMap<String, String>;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateQueue {
    pub(super) queue_name: Option<String>,
    pub(super) attributes: Option<Map>,
    #[serde(rename = "tags", alias = "Tags")]
    pub(super) tags: Option<Map>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetQueueUrl {
    pub(super) queue_name: Option<String>,
    #[serde(rename = "QueueOwnerAWSAccountId")]
    pub(super) owner: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListQueues {
    pub(super) queue_name_prefix: Option<String>,
    pub(super) next_token: Option<String>,
    pub(super) max_results: Option<i64>,
}

/// Of the actions that are about a queue and nothing more, or about its attributes, tags or permissions.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OfQueue {
    pub(super) queue_url: Option<String>,
    pub(super) attribute_names: Option<Vec<String>>,
    pub(super) attributes: Option<Map>,
    pub(super) tags: Option<Map>,
    pub(super) tag_keys: Option<Vec<String>>,
    pub(super) label: Option<String>,
    #[serde(rename = "AWSAccountIds")]
    pub(super) accounts: Option<Vec<String>>,
    pub(super) actions: Option<Vec<String>>,
    pub(super) next_token: Option<String>,
    pub(super) max_results: Option<i64>,
}

/// Alone or in a batch.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Message {
    pub(super) queue_url: Option<String>,
    pub(super) id: Option<String>,
    pub(super) message_body: Option<String>,
    pub(super) delay_seconds: Option<i64>,
    pub(super) message_attributes: Option<BTreeMap<String, AttributeValue>>,
    pub(super) message_system_attributes: Option<BTreeMap<String, AttributeValue>>,
    pub(super) message_deduplication_id: Option<String>,
    pub(super) message_group_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AttributeValue {
    pub(super) data_type: Option<String>,
    pub(super) string_value: Option<String>,
    pub(super) binary_value: Option<String>,
    pub(super) string_list_values: Option<Vec<String>>,
    pub(super) binary_list_values: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ReceiveMessage {
    pub(super) queue_url: Option<String>,
    pub(super) attribute_names: Option<Vec<String>>,
    pub(super) message_system_attribute_names: Option<Vec<String>>,
    pub(super) message_attribute_names: Option<Vec<String>>,
    pub(super) max_number_of_messages: Option<i64>,
    pub(super) visibility_timeout: Option<i64>,
    pub(super) wait_time_seconds: Option<i64>,
    pub(super) receive_request_attempt_id: Option<String>,
}

/// A receipt, alone or in a batch, for a deletion or a new visibility timeout.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Receipt {
    pub(super) queue_url: Option<String>,
    pub(super) id: Option<String>,
    pub(super) receipt_handle: Option<String>,
    pub(super) visibility_timeout: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Batch<T> {
    pub(super) queue_url: Option<String>,
    pub(super) entries: Option<Vec<T>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MoveTask {
    pub(super) source_arn: Option<String>,
    pub(super) destination_arn: Option<String>,
    pub(super) max_number_of_messages_per_second: Option<i64>,
    pub(super) task_handle: Option<String>,
    pub(super) max_results: Option<i64>,
}
