//! The header `Idempotency-Key`: <https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::problem::Problem;

const HEADER: &str = "idempotency-key";
/// The longest key.
pub(super) const MAX_CHARACTERS: usize = 255;

/// The key of the request, if it has one. The draft's value is a quoted string, many clients send it bare: both are the
/// same key.
pub(crate) struct IdempotencyKey(pub(crate) Option<String>);

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all(HEADER).iter();
        let Some(value) = values.next() else { return Ok(Self(None)) };
        if values.next().is_some() {
            return Err(Problem::bad_idempotency_key());
        }
        let text = value.to_str().map_err(|_| Problem::bad_idempotency_key())?;
        parse(text).map(|key| Self(Some(key))).ok_or_else(Problem::bad_idempotency_key)
    }
}

fn parse(value: &str) -> Option<String> {
    let value = value.trim();
    let key = match value.strip_prefix('"') {
        None => Some(value).filter(|value| !value.contains(' '))?.to_owned(),
        // A quoted string of RFC 8941: only the quote and the backslash are escaped.
        Some(quoted) => {
            let mut key = String::new();
            let mut characters = quoted.chars();
            loop {
                match characters.next()? {
                    '"' if characters.as_str().is_empty() => break key,
                    '"' => return None,
                    '\\' => key.push(characters.next().filter(|c| matches!(c, '"' | '\\'))?),
                    c => key.push(c),
                }
            }
        }
    };
    let usable = (1..=MAX_CHARACTERS).contains(&key.len()) && key.chars().all(|c| c.is_ascii_graphic() || c == ' ');
    usable.then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_and_bare_are_one_key() {
        assert_eq!(parse("order-1"), Some("order-1".to_owned()));
        assert_eq!(parse("\"order-1\""), parse("order-1"));
        assert_eq!(parse(r#""a\"b\\c""#), Some(r#"a"b\c"#.to_owned()));
    }

    #[test]
    fn a_key_that_is_empty_too_long_or_not_ascii_is_refused() {
        assert!(parse(&"k".repeat(255)).is_some());
        for bad in ["", "  ", "\"\"", "\"open", "\"a\"b\"", "\"a\" b", "a b", r#""a\b""#, "ключ", &"k".repeat(256)]
        {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
