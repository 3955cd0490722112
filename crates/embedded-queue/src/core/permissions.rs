//! `AddPermission` and `RemovePermission`: statements of the queue's policy. Nobody is kept out by them.

use serde_json::{Map, Value, json};

use super::name::{QueueName, is_label};
use super::{Answer, Code, Core, Error, Millis};

const MOST_ACTIONS: usize = 7;
const MOST_STATEMENTS: usize = 20;

const ACTIONS: [&str; 9] = [
    "*",
    "ChangeMessageVisibility",
    "DeleteMessage",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListDeadLetterSourceQueues",
    "PurgeQueue",
    "ReceiveMessage",
    "SendMessage",
];

impl Core {
    pub(super) fn add_permission(
        &mut self,
        now: Millis,
        name: &QueueName,
        label: &str,
        accounts: &[String],
        actions: &[String],
    ) -> Result<Answer, Error> {
        if !(1..=80).contains(&label.len()) || !is_label(label) {
            let reason = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length.";
            return Err(Error::parameter("Label", label, reason));
        }
        if let Some(action) = actions.iter().find(|action| !ACTIONS.contains(&action.as_str())) {
            let reason = "Please refer to the appropriate WSDL for a list of valid actions.";
            return Err(Error::parameter("ActionName", format!("SQS:{action}"), reason));
        }
        if actions.len() > MOST_ACTIONS {
            let found = actions.len();
            let message = format!("{found} Actions were found, maximum allowed is {MOST_ACTIONS}.");
            return Err(Error::new(Code::OverLimit, message));
        }
        if let Some(account) = accounts.iter().find(|id| id.len() != 12 || !id.bytes().all(|b| b.is_ascii_digit())) {
            return Err(Error::parameter("PrincipalId", account, "Unable to verify."));
        }
        let queue = self.queue(name)?;
        let (mut policy, mut statements) = open(queue.attributes.policy.as_deref(), &queue.arn);
        if statements.iter().any(|statement| statement["Sid"] == label) {
            return Err(Error::parameter("Label", label, "Already exists."));
        }
        if statements.len() >= MOST_STATEMENTS {
            let message = format!("{MOST_STATEMENTS} permissions of a queue are the most there can be.");
            return Err(Error::new(Code::OverLimit, message));
        }
        let principals = accounts.iter().map(|account| format!("arn:aws:iam::{account}:root")).collect();
        statements.push(json!({
            "Sid": label,
            "Effect": "Allow",
            "Principal": { "AWS": one_or_many(principals) },
            "Action": one_or_many(actions.iter().map(|action| format!("SQS:{action}")).collect()),
            "Resource": &*queue.arn,
        }));
        policy.insert("Statement".to_owned(), Value::Array(statements));
        queue.attributes.policy = Some(Value::Object(policy).to_string());
        queue.modified = now;
        Ok(Answer::Done)
    }

    pub(super) fn remove_permission(&mut self, now: Millis, name: &QueueName, label: &str) -> Result<Answer, Error> {
        let queue = self.queue(name)?;
        let (mut policy, mut statements) = open(queue.attributes.policy.as_deref(), &queue.arn);
        let before = statements.len();
        statements.retain(|statement| statement["Sid"] != label);
        if statements.len() == before {
            return Err(Error::parameter("Label", label, "can't find label."));
        }
        let none_left = statements.is_empty();
        policy.insert("Statement".to_owned(), Value::Array(statements));
        queue.attributes.policy = (!none_left).then(|| Value::Object(policy).to_string());
        queue.modified = now;
        Ok(Answer::Done)
    }
}

/// A queue's policy and the statements in it.
fn open(policy: Option<&str>, arn: &str) -> (Map<String, Value>, Vec<Value>) {
    let default = || {
        let id = json!(format!("{arn}/SQSDefaultPolicy"));
        Map::from_iter([("Version".to_owned(), json!("2008-10-17")), ("Id".to_owned(), id)])
    };
    let mut policy: Map<String, Value> =
        policy.and_then(|policy| serde_json::from_str(policy).ok()).unwrap_or_else(default);
    let statements = match policy.remove("Statement") {
        Some(Value::Array(statements)) => statements,
        Some(Value::Object(only)) => vec![Value::Object(only)],
        _ => Vec::new(),
    };
    (policy, statements)
}

fn one_or_many(mut values: Vec<String>) -> Value {
    match values.len() {
        1 => json!(values.remove(0)),
        _ => json!(values),
    }
}
