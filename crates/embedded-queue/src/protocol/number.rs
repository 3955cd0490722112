//! What SQS takes for a number: up to 38 digits of precision, between -10^128 and 10^126.

const MOST_DIGITS: usize = 38;

pub(super) fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()),
        None => (unsigned, Some(0)),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = || whole.bytes().chain(fraction.bytes());
    if digits().next().is_none() || !digits().all(|b| b.is_ascii_digit()) {
        return false;
    }
    let all: Vec<u8> = digits().collect();
    let Some(first) = all.iter().position(|digit| *digit != b'0') else { return exponent.is_some() };
    let last = all.iter().rposition(|digit| *digit != b'0').unwrap_or(first);
    let magnitude = exponent.map(|exponent| i64::from(exponent) + whole.len() as i64 - first as i64);
    last - first < MOST_DIGITS && magnitude.is_some_and(|magnitude| (-127..=126).contains(&magnitude))
}

#[cfg(test)]
mod tests {
    use super::is_number;

    #[test]
    fn numbers_have_signs_fractions_and_exponents() {
        let most = "9".repeat(38);
        for text in ["0", "42", "-1", "+7", "1.5", ".5", "5.", "1e3", "-2.5E-10", "0.0", "1e125", &most] {
            assert!(is_number(text), "{text}");
        }
    }

    #[test]
    fn anything_else_is_no_number() {
        let more = "9".repeat(39);
        for text in ["", "-", ".", "e5", "1e", "x", "1 ", "0x10", "NaN", "inf", "1e127", "1e99999999999", "--1", &more]
        {
            assert!(!is_number(text), "{text}");
        }
    }
}
