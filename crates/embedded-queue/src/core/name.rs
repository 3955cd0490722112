//! Names of queues and their ARNs.

use std::fmt;
use std::sync::Arc;

use super::{Code, Error};

/// LocalStack's account, so that addresses and ARNs are the same in both worlds.
pub const ACCOUNT: &str = "000000000000";

/// Which queue: each region has its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueName {
    /// The region.
    pub region: Arc<str>,
    /// The name.
    pub name: Arc<str>,
}

impl QueueName {
    /// A standard queue's name: 1 to 80 letters, digits, hyphens and underscores.
    pub fn parse(region: &Arc<str>, name: &str) -> Result<Self, Error> {
        if !(1..=80).contains(&name.len()) || !is_label(name) {
            let allowed = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
            return Err(Error::invalid(allowed));
        }
        Ok(Self { region: region.clone(), name: name.into() })
    }

    /// The queue that a `QueueUrl` is about. The bare name will do, as in SQS.
    pub fn from_url(region: &Arc<str>, url: &str) -> Result<Self, Error> {
        let path = url.split_once("://").map(|(_, rest)| rest.split_once('/').map_or("", |(_, path)| path));
        let mut parts = path.unwrap_or(url).trim_matches('/').rsplit('/');
        let name = parts.next().unwrap_or_default();
        let account = parts.next();
        if name.is_empty() || (path.is_some() && account.is_none()) {
            return Err(Error::new(Code::InvalidAddress, format!("The address {url} is not valid for this endpoint.")));
        }
        if account.is_some_and(|account| account != ACCOUNT) {
            return Err(Error::no_queue());
        }
        Ok(Self { region: region.clone(), name: name.into() })
    }

    /// The queue that an ARN names, whether or not there is one.
    pub(crate) fn from_arn(arn: &str) -> Option<Self> {
        let mut parts = arn.split(':');
        let mut next = || parts.next().filter(|part| !part.is_empty());
        let ("arn", Some(_), "sqs", region, account, name) = (next()?, next(), next()?, next()?, next()?, next()?)
        else {
            return None;
        };
        let whole = parts.next().is_none() && account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
        (whole && account == ACCOUNT).then(|| Self { region: region.into(), name: name.into() })
    }

    /// The queue's ARN.
    pub fn arn(&self) -> String {
        format!("arn:aws:sqs:{}:{ACCOUNT}:{}", self.region, self.name)
    }
}

impl fmt::Display for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.name, self.region)
    }
}

/// Letters, digits, hyphens and underscores.
pub(crate) fn is_label(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region() -> Arc<str> {
        "eu-central-1".into()
    }

    #[test]
    fn a_queue_is_found_by_its_address_whatever_the_host() {
        for url in ["http://localhost:4566/000000000000/orders", "https://sqs.x.org/000000000000/orders/", "orders"] {
            assert_eq!(&*QueueName::from_url(&region(), url).unwrap().name, "orders", "{url}");
        }
        assert_eq!(QueueName::from_url(&region(), "http://h/111111111111/orders"), Err(Error::no_queue()));
        for url in ["", "http://localhost:4566", "http://localhost:4566/", "http://localhost/orders"] {
            assert_eq!(QueueName::from_url(&region(), url).unwrap_err().code, Code::InvalidAddress, "{url}");
        }
    }

    #[test]
    fn an_arn_leads_back_to_its_queue() {
        let queue = QueueName::parse(&region(), "orders").unwrap();
        assert_eq!(QueueName::from_arn(&queue.arn()), Some(queue));
        for arn in ["", "dummy", "arn:aws:sqs:eu-central-1:000000000000:", "arn:aws:sns:eu:000000000000:orders"] {
            assert_eq!(QueueName::from_arn(arn), None, "{arn}");
        }
    }

    #[test]
    fn names_are_letters_digits_hyphens_and_underscores() {
        assert!(QueueName::parse(&region(), &"x".repeat(80)).is_ok());
        for name in ["", "orders.fifo", "or ders", "ördërs", &"x".repeat(81)] {
            assert_eq!(QueueName::parse(&region(), name).unwrap_err().code, Code::InvalidParameterValue);
        }
    }
}
