use std::fmt;
use std::str::FromStr;

use iso_currency::IntoEnumIterator;
use serde::{Deserialize, Serialize};

/// How many minor units make one: amounts are hundredths everywhere, so nothing else can be ordered.
const MINOR_UNITS: u16 = 100;

/// An ISO 4217 code: three capital letters. Amounts in it are whole minor units, hundredths.
///
/// What a client orders in is read by [`FromStr`], which takes no currency whose amounts would be read wrong. What has
/// been accepted before, and is in a row or an event, is only looked at for its shape: it is told on as it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

/// What nothing can be ordered in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCurrency {
    /// No code at all.
    #[error("must be three capital letters, such as USD")]
    NoCode,
    /// ISO 4217 has no such code, or has given it up for another one.
    #[error("must be a currency of ISO 4217 that is in use, such as USD")]
    NotInUse,
    /// Its amounts are not hundredths.
    #[error("must be a currency whose minor unit is a hundredth, such as USD")]
    OtherMinorUnit,
}

impl Currency {
    /// The default of the API.
    pub const USD: Self = Self(*b"USD");

    /// The three letters.
    pub fn as_str(&self) -> &str {
        // Only capital letters get in.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Every code that something can be ordered in, in alphabetical order.
    pub fn all() -> Vec<&'static str> {
        let mut codes: Vec<_> = iso_currency::Currency::iter()
            .filter(|currency| is_orderable(*currency).is_ok())
            .map(|currency| currency.code())
            .collect();
        codes.sort_unstable();
        codes
    }

    /// A code that has been accepted before: by an earlier version, or by whoever tells of it.
    pub fn accepted(code: &str) -> Result<Self, InvalidCurrency> {
        match code.as_bytes() {
            &[a, b, c] if [a, b, c].iter().all(u8::is_ascii_uppercase) => Ok(Self([a, b, c])),
            _ => Err(InvalidCurrency::NoCode),
        }
    }

    /// Why nothing can be charged in it, if so.
    pub(crate) fn fault(self) -> Option<InvalidCurrency> {
        self.as_str().parse::<Self>().err()
    }
}

impl FromStr for Currency {
    type Err = InvalidCurrency;

    fn from_str(code: &str) -> Result<Self, Self::Err> {
        let currency = Self::accepted(code)?;
        is_orderable(iso_currency::Currency::from_code(code).ok_or(InvalidCurrency::NotInUse)?)?;
        Ok(currency)
    }
}

fn is_orderable(currency: iso_currency::Currency) -> Result<(), InvalidCurrency> {
    if currency.is_superseded().is_some() {
        return Err(InvalidCurrency::NotInUse);
    }
    let in_hundredths = currency.subunit_fraction() == Some(MINOR_UNITS);
    in_hundredths.then_some(()).ok_or(InvalidCurrency::OtherMinorUnit)
}

impl TryFrom<String> for Currency {
    type Error = InvalidCurrency;

    fn try_from(code: String) -> Result<Self, Self::Error> {
        Self::accepted(&code)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.to_string()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_currency_in_use_whose_minor_unit_is_a_hundredth_can_be_ordered_in() {
        use InvalidCurrency::*;
        for code in ["USD", "EUR", "GBP", "CHF", "BRL", "INR", "MGA"] {
            assert_eq!(code.parse::<Currency>().map(|currency| currency.to_string()), Ok(code.to_owned()));
        }
        for (code, fault) in [
            ("JPY", OtherMinorUnit),
            ("KRW", OtherMinorUnit),
            ("KWD", OtherMinorUnit),
            ("CLF", OtherMinorUnit),
            ("XAU", OtherMinorUnit),
            ("XXX", OtherMinorUnit),
            ("AAA", NotInUse),
            ("ZZZ", NotInUse),
            ("HRK", NotInUse),
            ("usd", NoCode),
            ("US", NoCode),
            ("USDT", NoCode),
            ("", NoCode),
        ] {
            assert_eq!(code.parse::<Currency>(), Err(fault), "{code}");
        }
    }

    #[test]
    fn the_list_is_what_can_be_ordered_in() {
        let all = Currency::all();
        assert!(all.contains(&"USD") && !all.contains(&"JPY") && all.is_sorted());
        assert!(all.iter().all(|code| code.parse::<Currency>().is_ok()));
    }

    #[test]
    fn what_an_earlier_version_has_accepted_is_still_read() {
        assert_eq!(Currency::accepted("JPY").map(|currency| currency.to_string()), Ok("JPY".to_owned()));
        assert_eq!(serde_json::from_str::<Currency>("\"JPY\"").unwrap().as_str(), "JPY");
        assert!(serde_json::from_str::<Currency>("\"jpy\"").is_err());
    }
}
