//! The header `Prefer: wait=N` (RFC 7240, section 4.3): the client would rather wait than ask again.

use std::convert::Infallible;
use std::ops::RangeInclusive;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};

const PREFER: HeaderName = HeaderName::from_static("prefer");
/// The answer's header that says which preference was honoured.
pub(super) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
/// The seconds that a client can wait for.
pub(super) const SECONDS: RangeInclusive<u64> = 1..=30;

/// How many seconds the client would wait, if it is a number that is honoured here. Every other preference, and any that
/// cannot be read, is ignored, as the RFC has it.
pub(crate) struct PreferWait(pub(crate) Option<u64>);

impl<S: Sync> FromRequestParts<S> for PreferWait {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(wait(&parts.headers)))
    }
}

/// Of a preference that is given more than once the first one counts (section 2).
fn wait(headers: &HeaderMap) -> Option<u64> {
    let values = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
    let preferences = values.flat_map(|value| value.split(','));
    let mut waits = preferences.filter_map(|preference| {
        // What follows a semicolon are parameters; `wait` has none.
        let (name, value) = preference.split(';').next()?.split_once('=')?;
        name.trim().eq_ignore_ascii_case("wait").then(|| value.trim())
    });
    let value = waits.next()?;
    let digits = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok())?.filter(|n| SECONDS.contains(n))
}

/// How long that is.
pub(super) fn duration(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What the answer says of a wait that was honoured.
pub(super) fn applied(seconds: u64) -> HeaderValue {
    HeaderValue::try_from(format!("wait={seconds}")).unwrap_or(HeaderValue::from_static("wait"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Option<u64> {
        let header = |value: &&str| (PREFER, HeaderValue::from_str(value).unwrap());
        let mut headers = HeaderMap::new();
        for (name, value) in values.iter().map(header) {
            headers.append(name, value);
        }
        wait(&headers)
    }

    #[test]
    fn a_wait_of_1_to_30_seconds_is_honoured_in_every_form_that_the_rfc_allows() {
        for (values, seconds) in [
            (&["wait=1"][..], 1),
            (&["wait=30"], 30),
            (&["WAIT = 7"], 7),
            (&["wait=\"7\""], 7),
            (&["respond-async, wait=7; foo=bar"], 7),
            (&["return=minimal", "wait=7"], 7),
            (&["wait=7, wait=9"], 7),
        ] {
            assert_eq!(of(values), Some(seconds), "{values:?}");
        }
    }

    #[test]
    fn any_other_preference_is_ignored() {
        for value in [
            "",
            "wait",
            "wait=",
            "wait=0",
            "wait=31",
            "wait=-1",
            "wait=+7",
            "wait=1.5",
            "wait=\"7",
            "waits=7",
            "x; wait=7",
        ] {
            assert_eq!(of(&[value]), None, "{value:?}");
        }
        assert_eq!(of(&["wait=0, wait=7"]), None, "the first one counts");
    }
}
