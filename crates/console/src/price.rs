//! What the queues would cost on AWS: every request has the same price, whether it carries one message or ten.

use std::fmt;
use std::str::FromStr;

use chassis::Configuration;

/// Dollars for a million requests. The default is the list price of standard queues in us-east-1 beyond the free million a
/// month: <https://aws.amazon.com/sqs/pricing/>.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Price(f64);

/// What is not a price.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be dollars from 0 to 1000, such as 0.40")]
pub struct InvalidPrice;

impl FromStr for Price {
    type Err = InvalidPrice;

    fn from_str(price: &str) -> Result<Self, Self::Err> {
        price.parse().ok().filter(|price| (0.0..=1000.0).contains(price)).map(Self).ok_or(InvalidPrice)
    }
}

impl Price {
    /// Reads `SQS_PRICE_PER_MILLION_REQUESTS`.
    pub fn read(configuration: &mut Configuration) -> Self {
        configuration.read("SQS_PRICE_PER_MILLION_REQUESTS", Self(0.40), str::parse)
    }

    /// So many requests for an order are so many millions for a million orders.
    pub fn per_million_orders(self, requests_per_order: f64) -> f64 {
        requests_per_order * self.0
    }

    /// In dollars.
    pub fn per_million_requests(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${:.2}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_orders_cost_their_requests_at_the_price_of_a_million() {
        let price: Price = "0.40".parse().unwrap();
        assert!((price.per_million_orders(0.65) - 0.26).abs() < 1e-9);
        for bad in ["", "free", "-1", "nan", "1001"] {
            assert_eq!(bad.parse::<Price>(), Err(InvalidPrice), "{bad}");
        }
    }
}
