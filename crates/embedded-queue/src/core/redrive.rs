//! Which queue takes the dead letters, and whose it takes.

use serde_json::{Map, Value, json};

use super::name::QueueName;
use super::{Code, Error};

/// `RedrivePolicy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedrivePolicy {
    /// The dead-letter queue.
    pub target: QueueName,
    /// How often a message is received before it is moved, 1 to 1000.
    pub max_receives: u32,
}

impl RedrivePolicy {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let refused = |reason: &str| Error::parameter("RedrivePolicy", text, reason);
        let policy: Map<String, Value> =
            serde_json::from_str(text).map_err(|_| refused("Redrive policy is not a valid JSON map."))?;
        let mandatory = |name: &str| {
            let missing = || refused(&format!("Redrive policy does not contain mandatory attribute: {name}."));
            policy.get(name).filter(|value| !value.is_null()).ok_or_else(missing)
        };
        let target = mandatory("deadLetterTargetArn")?;
        let max_receives = mandatory("maxReceiveCount")?;
        if let Some(name) = policy.keys().find(|name| *name != "deadLetterTargetArn" && *name != "maxReceiveCount") {
            return Err(refused(&format!(
                "Only following attributes are supported: [deadLetterTargetArn, maxReceiveCount], not {name}."
            )));
        }
        let target = target.as_str().and_then(QueueName::from_arn);
        let target = target.ok_or_else(|| refused("Invalid value for deadLetterTargetArn."))?;
        let max_receives = match max_receives {
            Value::String(text) => text.parse().ok(),
            number => number.as_u64(),
        };
        let max_receives = max_receives.filter(|count| (1..=1000).contains(count)).ok_or_else(|| {
            let given = policy["maxReceiveCount"].to_string();
            let given = given.trim_matches('"');
            refused(&format!(
                "Invalid value for maxReceiveCount: {given}, valid values are from 1 to 1000 both inclusive."
            ))
        })?;
        Ok(Self { target, max_receives: max_receives as u32 })
    }

    pub(crate) fn to_json(&self) -> String {
        json!({ "deadLetterTargetArn": self.target.arn(), "maxReceiveCount": self.max_receives }).to_string()
    }
}

/// `RedriveAllowPolicy`: which queues may name this one in their redrive policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedriveAllowPolicy {
    /// All of the account.
    All,
    /// None.
    None,
    /// These, at most ten.
    Queues(Vec<QueueName>),
}

impl RedriveAllowPolicy {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let refused = |reason: &str| Error::parameter("RedriveAllowPolicy", text, reason);
        let policy: Map<String, Value> =
            serde_json::from_str(text).map_err(|_| refused("Redrive allow policy is not a valid JSON map."))?;
        let sources = match policy.get("sourceQueueArns") {
            None | Some(Value::Null) => None,
            Some(sources) => {
                let arns = sources.as_array().map(|arns| {
                    arns.iter().map(|arn| arn.as_str().and_then(QueueName::from_arn)).collect::<Option<Vec<_>>>()
                });
                Some(arns.flatten().ok_or_else(|| refused("sourceQueueArns must be a list of ARNs of queues."))?)
            }
        };
        match (policy.get("redrivePermission").and_then(Value::as_str), sources) {
            (Some("allowAll"), None) => Ok(Self::All),
            (Some("denyAll"), None) => Ok(Self::None),
            (Some("byQueue"), Some(sources)) if (1..=10).contains(&sources.len()) => Ok(Self::Queues(sources)),
            (Some("byQueue"), _) => Err(refused("byQueue needs one to ten sourceQueueArns.")),
            (Some("allowAll" | "denyAll"), _) => {
                Err(refused("sourceQueueArns are for redrivePermission byQueue only."))
            }
            _ => Err(refused("redrivePermission must be allowAll, denyAll or byQueue.")),
        }
    }

    pub(crate) fn allows(&self, source: &QueueName) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Queues(sources) => sources.contains(source),
        }
    }

    pub(crate) fn to_json(&self) -> String {
        let policy = match self {
            Self::All => json!({ "redrivePermission": "allowAll" }),
            Self::None => json!({ "redrivePermission": "denyAll" }),
            Self::Queues(sources) => {
                let arns: Vec<String> = sources.iter().map(QueueName::arn).collect();
                json!({ "redrivePermission": "byQueue", "sourceQueueArns": arns })
            }
        };
        policy.to_string()
    }
}

/// `Policy`: any JSON object. It is kept and returned; nobody is kept out by it.
pub(crate) fn check_policy(text: &str) -> Result<(), Error> {
    let object = serde_json::from_str::<Map<String, Value>>(text);
    object.map(drop).map_err(|_| Error::new(Code::InvalidAttributeValue, "Invalid value for the parameter Policy."))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DLQ: &str = "arn:aws:sqs:us-east-1:000000000000:dlq";

    #[test]
    fn a_redrive_policy_names_a_queue_and_a_limit() {
        let as_number =
            RedrivePolicy::parse(&format!(r#"{{"deadLetterTargetArn":"{DLQ}","maxReceiveCount":5}}"#)).unwrap();
        let as_text =
            RedrivePolicy::parse(&format!(r#"{{"maxReceiveCount":"5","deadLetterTargetArn":"{DLQ}"}}"#)).unwrap();
        assert_eq!(as_number, as_text);
        assert_eq!(RedrivePolicy::parse(&as_number.to_json()).unwrap(), as_number);
    }

    #[test]
    fn any_other_redrive_policy_is_refused() {
        let without_limit = format!(r#"{{"deadLetterTargetArn":"{DLQ}"}}"#);
        let none = format!(r#"{{"deadLetterTargetArn":"{DLQ}","maxReceiveCount":0}}"#);
        let many = format!(r#"{{"deadLetterTargetArn":"{DLQ}","maxReceiveCount":1001}}"#);
        let word = format!(r#"{{"deadLetterTargetArn":"{DLQ}","maxReceiveCount":"x"}}"#);
        let dummy = r#"{"deadLetterTargetArn":"dummy","maxReceiveCount":42}"#;
        for text in ["x", "[]", "{}", r#"{"maxReceiveCount":5}"#, &without_limit, &none, &many, &word, dummy] {
            assert_eq!(RedrivePolicy::parse(text).unwrap_err().code, Code::InvalidParameterValue, "{text}");
        }
    }

    #[test]
    fn a_dead_letter_queue_says_whose_letters_it_takes() {
        let orders = QueueName::from_arn("arn:aws:sqs:us-east-1:000000000000:orders").unwrap();
        let policy = format!(r#"{{"redrivePermission":"byQueue","sourceQueueArns":["{}"]}}"#, orders.arn());
        let policy = RedriveAllowPolicy::parse(&policy).unwrap();
        assert!(policy.allows(&orders) && !policy.allows(&QueueName::from_arn(DLQ).unwrap()));
        assert!(!RedriveAllowPolicy::parse(r#"{"redrivePermission":"denyAll"}"#).unwrap().allows(&orders));
        for text in ["", "{}", r#"{"redrivePermission":"byQueue"}"#, r#"{"redrivePermission":"some"}"#] {
            assert_eq!(RedriveAllowPolicy::parse(text).unwrap_err().code, Code::InvalidParameterValue, "{text}");
        }
    }
}
