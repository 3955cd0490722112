//! Whatever a request says, it is answered: with what it asked for, or with one of SQS's errors.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail where it stands")]

use embedded_queue::core::{Core, Rules};
use embedded_queue::protocol::{Context, answer, error, read};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const ACTIONS: [&str; 24] = [
    "AddPermission",
    "CancelMessageMoveTask",
    "ChangeMessageVisibility",
    "ChangeMessageVisibilityBatch",
    "CreateQueue",
    "DeleteMessage",
    "DeleteMessageBatch",
    "DeleteQueue",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListDeadLetterSourceQueues",
    "ListMessageMoveTasks",
    "ListQueueTags",
    "ListQueues",
    "PurgeQueue",
    "ReceiveMessage",
    "RemovePermission",
    "SendMessage",
    "SendMessageBatch",
    "SetQueueAttributes",
    "StartMessageMoveTask",
    "TagQueue",
    "UntagQueue",
    "NoAction",
];

const MEMBERS: [&str; 38] = [
    "AWSAccountIds",
    "Actions",
    "AttributeNames",
    "Attributes",
    "BinaryValue",
    "DataType",
    "DelaySeconds",
    "DestinationArn",
    "Entries",
    "Id",
    "KmsMasterKeyId",
    "Label",
    "MaxNumberOfMessages",
    "MaxNumberOfMessagesPerSecond",
    "MaxResults",
    "MessageAttributeNames",
    "MessageAttributes",
    "MessageBody",
    "MessageDeduplicationId",
    "MessageGroupId",
    "MessageSystemAttributeNames",
    "MessageSystemAttributes",
    "NextToken",
    "Policy",
    "QueueName",
    "QueueNamePrefix",
    "QueueUrl",
    "ReceiptHandle",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "SourceArn",
    "StringValue",
    "TagKeys",
    "Tags",
    "TaskHandle",
    "VisibilityTimeout",
    "WaitTimeSeconds",
    "AWSTraceHeader",
];

fn core() -> Core {
    let mut core = Core::new(Rules::default(), 1);
    for name in ["dlq", "orders"] {
        carry_out(&mut core, "CreateQueue", json!({ "QueueName": name }).to_string().as_bytes());
    }
    let policy = json!({ "deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:dlq", "maxReceiveCount": 1 });
    let set = json!({ "QueueUrl": "orders", "Attributes": { "RedrivePolicy": policy.to_string() } });
    carry_out(&mut core, "SetQueueAttributes", set.to_string().as_bytes());
    core
}

/// What the endpoint does with a request, but for the HTTP.
fn carry_out(core: &mut Core, action: &str, body: &[u8]) -> Vec<u8> {
    let context = Context { region: "us-east-1".into(), trace_header: None };
    let done = read(action, body, &context).and_then(|request| {
        let done = core.call(1_700_000_000_000, request.call)?;
        Ok(answer(&done, &request.filter, "http://localhost:4566"))
    });
    done.unwrap_or_else(|refused| {
        assert!((400..500).contains(&refused.code.status()));
        assert!(!refused.message.is_empty());
        error(&refused)
    })
}

fn text() -> impl Strategy<Value = String> {
    let arn = "arn:aws:sqs:us-east-1:000000000000:dlq";
    let policy = format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":3}}"#);
    let known = [
        "orders",
        "dlq",
        "http://localhost:4566/000000000000/orders",
        "All",
        ".*",
        "String",
        "Number.x",
        "Binary",
        "1",
        "30",
    ];
    prop_oneof![
        4 => prop::sample::select(known.map(str::to_owned).to_vec()),
        1 => Just(arn.to_owned()),
        1 => Just(policy),
        2 => any::<String>(),
        1 => "[A-Za-z0-9+/=]{0,40}",
    ]
}

/// JSON that speaks of what requests speak of, in any order and depth.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => text().prop_map(Value::from),
        2 => (-2..12i64).prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(4, 40, 10, |inner| {
        let name = prop_oneof![3 => prop::sample::select(&MEMBERS[..]).prop_map(str::to_owned), 1 => text()];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..11).prop_map(Value::from),
            prop::collection::btree_map(name, inner, 0..11)
                .prop_map(|members| Value::from(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// A request that has a queue and, more often than not, members of the right kind.
fn request() -> impl Strategy<Value = Value> {
    let member = |name: &'static str| {
        let entry = prop::collection::btree_map(prop::sample::select(&MEMBERS[..]), value(), 0..4);
        let entry = (text(), entry).prop_map(|(id, members)| {
            let mut entry: Map<String, Value> =
                members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            entry.insert("Id".to_owned(), id.into());
            entry.insert("MessageBody".to_owned(), "m".into());
            Value::from(entry)
        });
        match name {
            "Entries" => prop::collection::vec(entry, 0..12).prop_map(Value::from).boxed(),
            _ => value().boxed(),
        }
    };
    let members = prop::collection::vec(prop::sample::select(&MEMBERS[..]), 0..5)
        .prop_flat_map(move |names| names.into_iter().map(|name| (Just(name), member(name))).collect::<Vec<_>>());
    members.prop_map(|members| {
        let mut request: Map<String, Value> =
            members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        request.entry("QueueUrl").or_insert_with(|| "orders".into());
        request.entry("MessageBody").or_insert_with(|| "m".into());
        Value::from(request)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut core = core();
        for action in ACTIONS {
            let answer: Value = serde_json::from_slice(&carry_out(&mut core, action, &bytes)).unwrap();
            prop_assert!(answer.is_object());
        }
    }

    #[test]
    fn any_json_is_answered(bodies in prop::collection::vec((prop::sample::select(&ACTIONS[..]), prop_oneof![1 => value(), 4 => request()]), 1..12)) {
        let mut core = core();
        for (action, body) in bodies {
            let answer: Value = serde_json::from_slice(&carry_out(&mut core, action, body.to_string().as_bytes())).unwrap();
            prop_assert!(answer.is_object(), "{action}: {answer}");
        }
    }
}
