//! What takes minutes, hours and days, to the millisecond: on the state machine itself, which is told the time. It
//! reads and answers the same JSON as the endpoint. LocalStack cannot be told the time.

use embedded_queue::Rules;
use embedded_queue::core::{Core, Millis};
use embedded_queue::protocol::{self, Context};
use serde_json::{Value, json};

const SECOND: Millis = 1000;
const HOUR: Millis = 3600 * SECOND;
const DAY: Millis = 24 * HOUR;

struct Sqs {
    core: Core,
    now: Millis,
}

impl Sqs {
    fn start(rules: Rules) -> Self {
        Self { core: Core::new(rules, 1), now: 1_800_000_000_000 }
    }

    /// The answer, or the code of the refusal.
    fn try_call(&mut self, action: &str, body: &Value) -> Result<Value, String> {
        let context = Context { region: "us-east-1".into(), trace_header: None };
        let code = |error: embedded_queue::core::Error| error.code.query().to_owned();
        let request = protocol::read(action, body.to_string().as_bytes(), &context).map_err(code)?;
        let answer = self.core.call(self.now, request.call).map_err(code)?;
        let json = protocol::answer(&answer, &request.filter, "http://localhost");
        Ok(if json.is_empty() { Value::Null } else { serde_json::from_slice(&json).unwrap() })
    }

    fn call(&mut self, action: &str, body: Value) -> Value {
        self.try_call(action, &body).unwrap_or_else(|code| panic!("{action} {body}: {code}"))
    }

    fn create(&mut self, queue: &str, attributes: Value) {
        self.call("CreateQueue", json!({ "QueueName": queue, "Attributes": attributes }));
    }

    fn send(&mut self, queue: &str, body: &str) {
        self.call("SendMessage", json!({ "QueueUrl": queue, "MessageBody": body }));
    }

    fn receive(&mut self, queue: &str) -> Option<Value> {
        let asked = json!({ "QueueUrl": queue, "MessageSystemAttributeNames": ["All"] });
        self.call("ReceiveMessage", asked)["Messages"].as_array().map(|messages| messages[0].clone())
    }

    /// How many messages are visible, hidden and delayed.
    fn counters(&mut self, queue: &str) -> [u64; 3] {
        let names = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ];
        let answer = self.call("GetQueueAttributes", json!({ "QueueUrl": queue, "AttributeNames": names }));
        names.map(|name| answer["Attributes"][name].as_str().unwrap().parse().unwrap())
    }

    fn hide(&mut self, queue: &str, message: &Value, seconds: u64) -> Result<(), String> {
        let change = json!({
            "QueueUrl": queue, "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": seconds
        });
        self.try_call("ChangeMessageVisibility", &change).map(drop)
    }
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html>
#[test]
fn a_message_is_visible_again_to_the_millisecond() {
    let mut sqs = Sqs::start(Rules::default());
    sqs.create("queue", json!({}));
    sqs.send("queue", "message");
    sqs.receive("queue").unwrap();
    sqs.now += 30 * SECOND - 1;
    assert_eq!((sqs.receive("queue"), sqs.counters("queue")), (None, [0, 1, 0]));
    sqs.now += 1;
    assert_eq!(sqs.counters("queue"), [1, 0, 0]);
    assert!(sqs.receive("queue").is_some());
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-timers.html>
#[test]
fn a_delay_of_15_minutes_ends_to_the_millisecond() {
    let mut sqs = Sqs::start(Rules::default());
    sqs.create("queue", json!({ "DelaySeconds": "900" }));
    sqs.send("queue", "message");
    sqs.now += 900 * SECOND - 1;
    assert_eq!((sqs.receive("queue"), sqs.counters("queue")), (None, [0, 0, 1]));
    sqs.now += 1;
    assert!(sqs.receive("queue").is_some());
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html>
#[test]
fn the_12_hours_count_from_the_receive_however_often_the_time_is_extended() {
    let mut sqs = Sqs::start(Rules::default());
    sqs.create("queue", json!({}));
    sqs.send("queue", "message");
    let message = sqs.receive("queue").unwrap();
    for _ in 0..11 {
        sqs.hide("queue", &message, 3601).unwrap();
        sqs.now += HOUR;
    }
    assert_eq!(sqs.hide("queue", &message, 3601), Err("InvalidParameterValue".to_owned()));
    sqs.hide("queue", &message, 3600).unwrap();
    sqs.now += HOUR - 1;
    assert_eq!(sqs.counters("queue"), [0, 1, 0]);
    sqs.now += 1;
    let again = sqs.receive("queue").unwrap();
    sqs.hide("queue", &again, 43_200).unwrap();
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
#[test]
fn a_message_is_gone_when_the_retention_is_over_visible_hidden_or_delayed() {
    let mut sqs = Sqs::start(Rules::default());
    sqs.create("queue", json!({ "MessageRetentionPeriod": "60", "VisibilityTimeout": "43200" }));
    sqs.send("queue", "hidden");
    let hidden = sqs.receive("queue").unwrap();
    sqs.send("queue", "visible");
    sqs.call("SendMessage", json!({ "QueueUrl": "queue", "MessageBody": "delayed", "DelaySeconds": 900 }));
    sqs.now += 60 * SECOND - 1;
    assert_eq!(sqs.counters("queue"), [1, 1, 1]);
    sqs.now += 1;
    assert_eq!((sqs.counters("queue"), sqs.receive("queue")), ([0, 0, 0], None));
    assert!(sqs.hide("queue", &hidden, 0).is_err());
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-basic-architecture.html>
#[test]
fn messages_are_kept_4_days_unless_the_queue_says_otherwise() {
    let mut sqs = Sqs::start(Rules::default());
    sqs.create("queue", json!({}));
    sqs.send("queue", "message");
    sqs.now += 4 * DAY - 1;
    assert_eq!(sqs.counters("queue"), [1, 0, 0]);
    sqs.now += 1;
    assert_eq!(sqs.counters("queue"), [0, 0, 0]);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
#[test]
fn a_new_retention_is_that_of_the_messages_that_are_there() {
    let mut sqs = Sqs::start(Rules::default());
    sqs.create("queue", json!({}));
    sqs.send("queue", "old");
    sqs.now += 100 * SECOND;
    sqs.send("queue", "new");
    sqs.call("SetQueueAttributes", json!({ "QueueUrl": "queue", "Attributes": { "MessageRetentionPeriod": "60" } }));
    assert_eq!(sqs.receive("queue").unwrap()["Body"], "new");
    assert_eq!(sqs.counters("queue"), [0, 1, 0]);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html>
#[test]
fn a_dead_letters_retention_counts_from_the_time_of_sending() {
    let mut sqs = Sqs::start(Rules::default());
    sqs.create("letters", json!({ "MessageRetentionPeriod": "100" }));
    let policy = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:letters","maxReceiveCount":1}"#;
    sqs.create("queue", json!({ "RedrivePolicy": policy, "VisibilityTimeout": "0" }));
    sqs.send("queue", "poison");
    let sent = sqs.now.to_string();
    sqs.now += 60 * SECOND;
    sqs.receive("queue").unwrap();
    assert_eq!(sqs.receive("queue"), None);
    sqs.now += 39 * SECOND;
    assert_eq!(sqs.receive("letters").unwrap()["Attributes"]["SentTimestamp"], sent);
    sqs.now += SECOND;
    assert_eq!(sqs.counters("letters"), [0, 0, 0]);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteQueue.html>
#[test]
fn a_queues_name_can_be_used_again_60_seconds_after_it_was_deleted() {
    let mut sqs = Sqs::start(Rules::default());
    let name = json!({ "QueueName": "queue" });
    sqs.call("CreateQueue", name.clone());
    sqs.call("DeleteQueue", json!({ "QueueUrl": "queue" }));
    sqs.now += 60 * SECOND - 1;
    let refused = sqs.try_call("CreateQueue", &name);
    assert_eq!(refused, Err("AWS.SimpleQueueService.QueueDeletedRecently".to_owned()));
    sqs.now += 1;
    sqs.call("CreateQueue", name);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_PurgeQueue.html>
#[test]
fn a_queue_is_purged_once_in_60_seconds() {
    let mut sqs = Sqs::start(Rules::default());
    sqs.create("queue", json!({}));
    sqs.create("other", json!({}));
    let purge = json!({ "QueueUrl": "queue" });
    sqs.call("PurgeQueue", purge.clone());
    sqs.now += 60 * SECOND - 1;
    let refused = sqs.try_call("PurgeQueue", &purge);
    assert_eq!(refused, Err("AWS.SimpleQueueService.PurgeQueueInProgress".to_owned()));
    sqs.call("PurgeQueue", json!({ "QueueUrl": "other" }));
    sqs.now += 1;
    sqs.call("PurgeQueue", purge);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html>
#[test]
fn at_the_limit_of_120000_in_flight_a_short_poll_is_refused_and_a_long_one_finds_nothing() {
    assert_eq!(Rules::default().in_flight, 120_000);
    let mut sqs = Sqs::start(Rules { in_flight: 12, ..Rules::default() });
    sqs.create("queue", json!({}));
    for number in 0..15 {
        sqs.send("queue", &number.to_string());
    }
    let asking = |wait: u64| json!({ "QueueUrl": "queue", "MaxNumberOfMessages": 10, "WaitTimeSeconds": wait });
    let first = sqs.call("ReceiveMessage", asking(0));
    let rest = sqs.call("ReceiveMessage", asking(0));
    assert_eq!([&first, &rest].map(|answer| answer["Messages"].as_array().unwrap().len()), [10, 2]);
    assert_eq!(sqs.try_call("ReceiveMessage", &asking(0)), Err("OverLimit".to_owned()));
    assert_eq!(sqs.call("ReceiveMessage", asking(20)), json!({}));
    let done = json!({ "QueueUrl": "queue", "ReceiptHandle": rest["Messages"][0]["ReceiptHandle"] });
    sqs.call("DeleteMessage", done);
    assert_eq!(sqs.call("ReceiveMessage", asking(0))["Messages"].as_array().unwrap().len(), 1);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html>
#[test]
fn a_move_task_keeps_to_its_rate() {
    let mut sqs = Sqs::start(Rules::default());
    sqs.create("letters", json!({}));
    let policy = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:letters","maxReceiveCount":1}"#;
    sqs.create("queue", json!({ "RedrivePolicy": policy }));
    for number in 0..100 {
        sqs.send("letters", &number.to_string());
    }
    sqs.call(
        "StartMessageMoveTask",
        json!({
            "SourceArn": "arn:aws:sqs:us-east-1:000000000000:letters",
            "DestinationArn": "arn:aws:sqs:us-east-1:000000000000:queue",
            "MaxNumberOfMessagesPerSecond": 10,
        }),
    );
    for seconds in 1..10 {
        sqs.now += SECOND;
        let [moved, ..] = sqs.counters("queue");
        assert!((seconds * 10 - 10..=seconds * 10 + 10).contains(&moved), "{moved} after {seconds} s");
    }
    sqs.now += 2 * SECOND;
    assert_eq!((sqs.counters("queue"), sqs.counters("letters")), ([100, 0, 0], [0, 0, 0]));
}
