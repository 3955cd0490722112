//! The total of an order: exact, from the text of a JSON number to minor units and back.

use std::fmt;

/// 1,000,000.00
const MAX_MINOR_UNITS: i64 = 100_000_000;
const MINOR_UNITS: i64 = 100;

/// An amount greater than 0 and at most 1,000,000.00, in minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderTotal(i64);

/// What is not an order's total.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTotal {
    /// Zero or less.
    #[error("must be greater than 0")]
    NotPositive,
    /// A fraction of a cent.
    #[error("must have at most two decimals")]
    TooPrecise,
    /// Above the limit.
    #[error("must be at most {}", OrderTotal::MAX)]
    TooLarge,
}

impl OrderTotal {
    /// The largest.
    pub const MAX: Self = Self(MAX_MINOR_UNITS);

    /// Reads the text of a JSON number, never through binary floating point. `42`, `42.00` and `4.2e1` are the same.
    pub fn parse(number: &str) -> Result<Self, InvalidTotal> {
        let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        let significant = digits.trim_start_matches(['-', '0']).trim_end_matches('0');
        if digits.starts_with('-') || significant.is_empty() {
            return Err(InvalidTotal::NotPositive);
        }
        // An exponent too long for an i64 is beyond both limits.
        let too_far = if exponent.starts_with('-') { InvalidTotal::TooPrecise } else { InvalidTotal::TooLarge };
        let exponent: i64 = exponent.parse().map_err(|_| too_far)?;
        let trailing_zeros = (digits.len() - digits.trim_end_matches('0').len()) as i64;
        // The value is `significant` followed by this many zeros, in minor units.
        let zeros = exponent.saturating_add(2 + trailing_zeros - fraction.len() as i64);
        if zeros < 0 {
            return Err(InvalidTotal::TooPrecise);
        }
        if significant.len() as i64 + zeros.min(100) > 9 {
            return Err(InvalidTotal::TooLarge);
        }
        let minor_units = significant.parse::<i64>().map_err(|_| InvalidTotal::TooLarge)? * 10i64.pow(zeros as u32);
        if minor_units > MAX_MINOR_UNITS { Err(InvalidTotal::TooLarge) } else { Ok(Self(minor_units)) }
    }

    /// The amount in minor units.
    pub fn minor_units(self) -> i64 {
        self.0
    }

    /// A total read from the database, where only valid ones are.
    pub(crate) fn from_minor_units(minor_units: i64) -> Self {
        Self(minor_units)
    }
}

/// The text of a JSON number with two decimals.
impl fmt::Display for OrderTotal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / MINOR_UNITS, self.0 % MINOR_UNITS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_total_is_read_exactly() {
        let read = |number| OrderTotal::parse(number).map(OrderTotal::minor_units);
        for (number, minor_units) in [
            ("42", 4200),
            ("42.0", 4200),
            ("42.00", 4200),
            ("42.000", 4200),
            ("4.2e1", 4200),
            ("4200E-2", 4200),
            ("0.01", 1),
            ("0.1", 10),
            ("1e-2", 1),
            ("10", 1000),
            ("1000000", 100_000_000),
            ("1e6", 100_000_000),
            ("999999.99", 99_999_999),
            ("0.29", 29),
            ("1.15", 115),
        ] {
            assert_eq!(read(number), Ok(minor_units), "{number}");
        }
    }

    #[test]
    fn what_is_not_a_total_is_refused_with_its_reason() {
        use InvalidTotal::*;
        for (number, reason) in [
            ("0", NotPositive),
            ("0.00", NotPositive),
            ("-0", NotPositive),
            ("-1", NotPositive),
            ("0e9", NotPositive),
            ("0.001", TooPrecise),
            ("42.001", TooPrecise),
            ("1e-3", TooPrecise),
            ("1e-99999999999999999999", TooPrecise),
            ("1000000.01", TooLarge),
            ("1e7", TooLarge),
            ("1e9223372036854775807", TooLarge),
            ("1e99999999999999999999", TooLarge),
            ("123456789012345678901234567890", TooLarge),
        ] {
            assert_eq!(OrderTotal::parse(number), Err(reason), "{number}");
        }
    }

    proptest! {
        #[test]
        fn every_total_survives_being_written_and_read(minor_units in 1..=MAX_MINOR_UNITS) {
            let total = OrderTotal(minor_units);
            prop_assert_eq!(OrderTotal::parse(&total.to_string()), Ok(total));
        }

        #[test]
        fn no_number_whatever_makes_the_parser_panic(number in "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,30})?") {
            let _ = OrderTotal::parse(&number);
        }
    }
}
