//! Permissions, as statements of the queue's policy.

use serde_json::{Value, json};

use crate::endpoint::{Endpoint, Queue, invalid_parameter};

async fn policy(queue: &Queue) -> Option<Value> {
    queue.attribute("Policy").await.map(|policy| serde_json::from_str(&policy).unwrap())
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_AddPermission.html>
#[tokio::test]
async fn a_permission_is_a_statement_of_the_queues_policy_under_its_label() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("shared").await;
    let adding = |label: &str| endpoint.sqs.add_permission().queue_url(&queue.url).label(label);
    let added = adding("receivers").aws_account_ids("668614515564").aws_account_ids("111111111111");
    added.actions("ReceiveMessage").send().await.unwrap();
    let found = policy(&queue).await.unwrap();
    assert_eq!(found["Version"], "2008-10-17");
    let principals = ["arn:aws:iam::668614515564:root", "arn:aws:iam::111111111111:root"];
    let expected = json!({
        "Sid": "receivers", "Effect": "Allow", "Principal": { "AWS": principals },
        "Action": "SQS:ReceiveMessage", "Resource": queue.arn,
    });
    assert_eq!(found["Statement"], json!([expected]));

    let senders = adding("senders").aws_account_ids("111111111111");
    senders.actions("SendMessage").actions("GetQueueUrl").send().await.unwrap();
    let found = policy(&queue).await.unwrap();
    assert_eq!(found["Statement"].as_array().unwrap().len(), 2);
    assert_eq!(found["Statement"][1]["Action"], json!(["SQS:SendMessage", "SQS:GetQueueUrl"]));
    assert_eq!(found["Statement"][1]["Principal"], json!({ "AWS": "arn:aws:iam::111111111111:root" }));

    let words = invalid_parameter(adding("senders").aws_account_ids("111111111111").actions("*").send().await);
    assert_eq!(words, "Value senders for parameter Label is invalid. Reason: Already exists.");
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_RemovePermission.html>
#[tokio::test]
async fn a_permission_is_removed_by_its_label_and_the_policy_with_its_last_statement() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("shared").await;
    for label in ["first", "second"] {
        let added = endpoint.sqs.add_permission().queue_url(&queue.url).label(label);
        added.aws_account_ids("111111111111").actions("SendMessage").send().await.unwrap();
    }
    let removing = |label: &str| endpoint.sqs.remove_permission().queue_url(&queue.url).label(label).send();
    removing("first").await.unwrap();
    let left = policy(&queue).await.unwrap();
    assert_eq!((left["Statement"].as_array().unwrap().len(), &left["Statement"][0]["Sid"]), (1, &json!("second")));
    removing("second").await.unwrap();
    assert_eq!(policy(&queue).await, None);
    let words = invalid_parameter(removing("second").await);
    assert_eq!(words, "Value second for parameter Label is invalid. Reason: can't find label.");
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_AddPermission.html>
#[tokio::test]
async fn a_permission_names_actions_that_exist() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("shared").await;
    let adding = |action: &str| {
        let call = endpoint.sqs.add_permission().queue_url(&queue.url).label(format!("l{}", action.len()));
        call.aws_account_ids("111111111111").actions(action).send()
    };
    adding("*").await.unwrap();
    let words = invalid_parameter(adding("Nonsense").await);
    assert!(words.contains("SQS:Nonsense"), "{words}");
}
