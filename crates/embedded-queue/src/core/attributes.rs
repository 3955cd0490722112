//! A queue's attributes: their names, their ranges, and what becomes of them.
//!
//! Source of names and ranges: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>.

use std::ops::RangeInclusive;

use super::redrive::{RedriveAllowPolicy, RedrivePolicy, check_policy};
use super::{Code, Error};

/// What can be set of a queue. Times are in seconds, sizes in bytes.
#[derive(Clone, Debug)]
pub(crate) struct Attributes {
    pub(crate) delay: u32,
    pub(crate) maximum_message_size: u32,
    pub(crate) retention: u32,
    pub(crate) wait: u32,
    pub(crate) visibility_timeout: u32,
    pub(crate) policy: Option<String>,
    pub(crate) redrive: Option<RedrivePolicy>,
    pub(crate) redrive_allow: Option<RedriveAllowPolicy>,
    kms_key: Option<String>,
    kms_reuse: u32,
    managed_sse: bool,
}

const KMS_REUSE: u32 = 300;

impl Default for Attributes {
    fn default() -> Self {
        Self {
            delay: 0,
            maximum_message_size: 1_048_576,
            retention: 345_600,
            wait: 0,
            visibility_timeout: 30,
            policy: None,
            redrive: None,
            redrive_allow: None,
            kms_key: None,
            kms_reuse: KMS_REUSE,
            managed_sse: true,
        }
    }
}

/// One attribute's new value. An empty text takes a policy or a key away.
#[derive(Clone, Debug)]
pub enum Change {
    /// `DelaySeconds`.
    Delay(u32),
    /// `MaximumMessageSize`.
    MaximumMessageSize(u32),
    /// `MessageRetentionPeriod`.
    Retention(u32),
    /// `ReceiveMessageWaitTimeSeconds`.
    Wait(u32),
    /// `VisibilityTimeout`.
    VisibilityTimeout(u32),
    /// `Policy`.
    Policy(Option<String>),
    /// `RedrivePolicy`.
    Redrive(Option<RedrivePolicy>),
    /// `RedriveAllowPolicy`.
    RedriveAllow(Option<RedriveAllowPolicy>),
    /// `KmsMasterKeyId`.
    KmsKey(Option<String>),
    /// `KmsDataKeyReusePeriodSeconds`.
    KmsReuse(u32),
    /// `SqsManagedSseEnabled`.
    ManagedSse(bool),
}

impl Change {
    /// What a call gives as attributes, each checked by itself and with the others.
    pub fn parse_all<'a>(given: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Vec<Self>, Error> {
        let changes =
            given.into_iter().map(|(name, value)| Self::parse(name, value)).collect::<Result<Vec<_>, Error>>()?;
        let key = changes.iter().any(|change| matches!(change, Self::KmsKey(Some(_))));
        if key && changes.iter().any(|change| matches!(change, Self::ManagedSse(true))) {
            return Err(Error::new(
                Code::InvalidAttributeName,
                "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.",
            ));
        }
        Ok(changes)
    }

    fn parse(name: &str, value: &str) -> Result<Self, Error> {
        let number = |range: RangeInclusive<u32>| {
            let number = value.parse().ok().filter(|number| range.contains(number));
            number.ok_or_else(|| invalid(name))
        };
        let text = || Some(value).filter(|value| !value.is_empty());
        Ok(match name {
            "DelaySeconds" => Self::Delay(number(0..=900)?),
            "MaximumMessageSize" => Self::MaximumMessageSize(number(1024..=1_048_576)?),
            "MessageRetentionPeriod" => Self::Retention(number(60..=1_209_600)?),
            "ReceiveMessageWaitTimeSeconds" => Self::Wait(number(0..=20)?),
            "VisibilityTimeout" => Self::VisibilityTimeout(number(0..=43_200)?),
            "Policy" => {
                text().map(check_policy).transpose()?;
                Self::Policy(text().map(str::to_owned))
            }
            "RedrivePolicy" => Self::Redrive(text().map(RedrivePolicy::parse).transpose()?),
            "RedriveAllowPolicy" => Self::RedriveAllow(text().map(RedriveAllowPolicy::parse).transpose()?),
            "KmsMasterKeyId" => Self::KmsKey(text().map(str::to_owned)),
            "KmsDataKeyReusePeriodSeconds" => Self::KmsReuse(number(60..=86_400)?),
            "SqsManagedSseEnabled" => Self::ManagedSse(match value.to_ascii_lowercase().as_str() {
                "true" => true,
                "false" => false,
                _ => return Err(invalid(name)),
            }),
            "DeduplicationScope" | "FifoThroughputLimit" => {
                let message = format!("You can specify the {name} only when FifoQueue is set to true.");
                return Err(Error::new(Code::InvalidAttributeName, message));
            }
            _ => return Err(Error::unknown_attribute(name)),
        })
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Delay(_) => "DelaySeconds",
            Self::MaximumMessageSize(_) => "MaximumMessageSize",
            Self::Retention(_) => "MessageRetentionPeriod",
            Self::Wait(_) => "ReceiveMessageWaitTimeSeconds",
            Self::VisibilityTimeout(_) => "VisibilityTimeout",
            Self::Policy(_) => "Policy",
            Self::Redrive(_) => "RedrivePolicy",
            Self::RedriveAllow(_) => "RedriveAllowPolicy",
            Self::KmsKey(_) => "KmsMasterKeyId",
            Self::KmsReuse(_) => "KmsDataKeyReusePeriodSeconds",
            Self::ManagedSse(_) => "SqsManagedSseEnabled",
        }
    }
}

fn invalid(name: &str) -> Error {
    Error::new(Code::InvalidAttributeValue, format!("Invalid value for the parameter {name}."))
}

impl Attributes {
    pub(crate) fn apply(&mut self, change: Change) {
        match change {
            Change::Delay(seconds) => self.delay = seconds,
            Change::MaximumMessageSize(bytes) => self.maximum_message_size = bytes,
            Change::Retention(seconds) => self.retention = seconds,
            Change::Wait(seconds) => self.wait = seconds,
            Change::VisibilityTimeout(seconds) => self.visibility_timeout = seconds,
            Change::Policy(policy) => self.policy = policy,
            Change::Redrive(policy) => self.redrive = policy,
            Change::RedriveAllow(policy) => self.redrive_allow = policy,
            Change::KmsReuse(seconds) => self.kms_reuse = seconds,
            // There is one kind of encryption at a time: the one asked for last.
            Change::KmsKey(key) => {
                self.managed_sse &= key.is_none();
                self.kms_key = key;
            }
            Change::ManagedSse(enabled) => {
                self.managed_sse = enabled;
                self.kms_key = self.kms_key.take().filter(|_| !enabled);
            }
        }
    }

    /// The first attribute that is not as `changes` have it.
    pub(crate) fn differing(&self, changes: &[Change]) -> Option<&'static str> {
        let same = |change: &Change| match change {
            Change::Delay(seconds) => *seconds == self.delay,
            Change::MaximumMessageSize(bytes) => *bytes == self.maximum_message_size,
            Change::Retention(seconds) => *seconds == self.retention,
            Change::Wait(seconds) => *seconds == self.wait,
            Change::VisibilityTimeout(seconds) => *seconds == self.visibility_timeout,
            Change::Policy(policy) => *policy == self.policy,
            Change::Redrive(policy) => *policy == self.redrive,
            Change::RedriveAllow(policy) => *policy == self.redrive_allow,
            Change::KmsKey(key) => *key == self.kms_key,
            Change::KmsReuse(seconds) => *seconds == self.kms_reuse,
            Change::ManagedSse(enabled) => *enabled == self.managed_sse,
        };
        changes.iter().find(|change| !same(change)).map(Change::name)
    }

    /// Those that are set, or have a default.
    pub(crate) fn list(&self) -> Vec<(&'static str, String)> {
        let mut list = vec![
            ("DelaySeconds", self.delay.to_string()),
            ("MaximumMessageSize", self.maximum_message_size.to_string()),
            ("MessageRetentionPeriod", self.retention.to_string()),
            ("ReceiveMessageWaitTimeSeconds", self.wait.to_string()),
            ("SqsManagedSseEnabled", self.managed_sse.to_string()),
            ("VisibilityTimeout", self.visibility_timeout.to_string()),
        ];
        list.extend(self.policy.clone().map(|policy| ("Policy", policy)));
        list.extend(self.redrive.as_ref().map(|policy| ("RedrivePolicy", policy.to_json())));
        list.extend(self.redrive_allow.as_ref().map(|policy| ("RedriveAllowPolicy", policy.to_json())));
        if let Some(key) = &self.kms_key {
            list.push(("KmsMasterKeyId", key.clone()));
            list.push(("KmsDataKeyReusePeriodSeconds", self.kms_reuse.to_string()));
        }
        list
    }
}

/// Whether it is the name of a queue's attribute.
pub(crate) fn is_readable(name: &str) -> bool {
    READABLE.contains(&name)
}

/// Every name that `GetQueueAttributes` knows; a standard queue has no value for those of FIFO queues.
const READABLE: [&str; 22] = [
    "All",
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
    "ContentBasedDeduplication",
    "CreatedTimestamp",
    "DeduplicationScope",
    "DelaySeconds",
    "FifoQueue",
    "FifoThroughputLimit",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "LastModifiedTimestamp",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "Policy",
    "QueueArn",
    "ReceiveMessageWaitTimeSeconds",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(given: &[(&str, &str)]) -> Result<Attributes, Error> {
        let mut attributes = Attributes::default();
        Change::parse_all(given.iter().copied())?.into_iter().for_each(|change| attributes.apply(change));
        Ok(attributes)
    }

    #[test]
    fn the_two_kinds_of_encryption_exclude_each_other() {
        let value = |attributes: &Attributes, name: &str| {
            attributes.list().into_iter().find(|(listed, _)| *listed == name).map(|(_, value)| value)
        };
        let mut queue = attributes(&[("KmsMasterKeyId", "k")]).unwrap();
        assert_eq!(value(&queue, "SqsManagedSseEnabled").unwrap(), "false");
        assert_eq!(value(&queue, "KmsDataKeyReusePeriodSeconds").unwrap(), "300");
        queue.apply(Change::ManagedSse(true));
        assert_eq!(value(&queue, "KmsMasterKeyId"), None);
        let both = attributes(&[("KmsMasterKeyId", "k"), ("SqsManagedSseEnabled", "true")]).unwrap_err();
        assert_eq!(both.code, Code::InvalidAttributeName);
    }

    #[test]
    fn a_value_out_of_its_range_is_refused_by_name() {
        for (name, low, high) in [
            ("DelaySeconds", "-1", "901"),
            ("MaximumMessageSize", "1023", "1048577"),
            ("MessageRetentionPeriod", "59", "1209601"),
            ("ReceiveMessageWaitTimeSeconds", "", "21"),
            ("VisibilityTimeout", "1.5", "43201"),
            ("KmsDataKeyReusePeriodSeconds", "59", "86401"),
            ("SqsManagedSseEnabled", "yes", "1"),
        ] {
            for value in [low, high] {
                let error = attributes(&[(name, value)]).unwrap_err();
                assert_eq!(error.code, Code::InvalidAttributeValue);
                assert_eq!(error.message, format!("Invalid value for the parameter {name}."));
            }
        }
    }

    #[test]
    fn names_of_fifo_queues_and_unknown_ones_are_refused() {
        for name in ["FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "QueueArn", "Colour"] {
            assert_eq!(attributes(&[(name, "true")]).unwrap_err().code, Code::InvalidAttributeName, "{name}");
        }
    }
}
