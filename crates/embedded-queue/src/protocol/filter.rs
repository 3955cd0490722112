//! Which attributes a receive asks for.

use crate::core::Error;

/// The names that a receive gives.
#[derive(Debug, Default)]
pub struct Filter {
    system: Vec<String>,
    attributes: Vec<String>,
}

const SYSTEM: [&str; 10] = [
    "All",
    "ApproximateFirstReceiveTimestamp",
    "ApproximateReceiveCount",
    "AWSTraceHeader",
    "DeadLetterQueueSourceArn",
    "MessageDeduplicationId",
    "MessageGroupId",
    "SenderId",
    "SentTimestamp",
    "SequenceNumber",
];

impl Filter {
    pub(super) fn new(system: Vec<String>, attributes: Vec<String>) -> Result<Self, Error> {
        match system.iter().find(|name| !SYSTEM.contains(&name.as_str())) {
            Some(unknown) => Err(Error::unknown_attribute(unknown)),
            None => Ok(Self { system, attributes }),
        }
    }

    pub(super) fn system(&self, name: &str) -> bool {
        self.system.iter().any(|wanted| wanted == "All" || wanted == name)
    }

    pub(super) fn all_attributes(&self) -> bool {
        self.attributes.iter().any(|wanted| matches!(wanted.as_str(), "All" | ".*" | "*"))
    }

    /// By name, by `prefix.*`, or all.
    pub(super) fn attribute(&self, name: &str) -> bool {
        let wants = |wanted: &String| match wanted.strip_suffix(".*") {
            Some(prefix) => name.starts_with(prefix),
            None => wanted == name,
        };
        self.all_attributes() || self.attributes.iter().any(wants)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(names: &[&str]) -> Filter {
        Filter::new(Vec::new(), names.iter().map(|name| name.to_string()).collect()).unwrap()
    }

    #[test]
    fn attributes_are_asked_for_by_name_by_prefix_or_all() {
        for all in ["All", ".*", "*"] {
            assert!(filter(&[all]).attribute("anything"));
        }
        assert!(filter(&["Foo", "Hello"]).attribute("Hello"));
        assert!(filter(&["Hel.*"]).attribute("Help.Me"));
        for other in ["", "Hell", "hello", "AWS.", "..foo", "Help.*"] {
            assert!(!filter(&[other]).attribute("Hello"), "{other}");
        }
    }

    #[test]
    fn unknown_system_attributes_are_refused() {
        assert!(Filter::new(vec!["SenderId".into(), "SequenceNumber".into()], Vec::new()).is_ok());
        assert!(Filter::new(vec!["Colour".into()], Vec::new()).is_err());
    }
}
