//! What a provider's answers mean. They are untrusted input.

use std::time::{Duration, SystemTime};

use reqwest::header::RETRY_AFTER;
use reqwest::{Response, StatusCode};
use serde::Deserialize;

use super::{Charged, Refunded, Trouble};

/// An answer is a line of JSON; more than this is not read.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
const MAX_TEXT: usize = 200;
/// A provider that wants to be asked again later than this is asked after this.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

#[derive(Deserialize)]
struct Answer {
    id: Option<String>,
    status: Option<String>,
    reason: Option<String>,
}

impl Answer {
    /// The id, if the answer has one and says `status`.
    fn id_if(&self, status: &str) -> Option<String> {
        let id = self.id.as_deref().filter(|id| !id.is_empty() && self.says(status))?;
        Some(shortened(id))
    }

    fn says(&self, status: &str) -> bool {
        self.status.as_deref() == Some(status)
    }
}

/// Answers that say nothing about what was asked for: of a provider that is down or busy, or of something that stands
/// where it should be, or of credentials or an address that are wrong for every order alike.
const AWAY: [StatusCode; 10] = [
    StatusCode::UNAUTHORIZED,
    StatusCode::FORBIDDEN,
    StatusCode::NOT_FOUND,
    StatusCode::PROXY_AUTHENTICATION_REQUIRED,
    StatusCode::REQUEST_TIMEOUT,
    StatusCode::TOO_EARLY,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];

/// What was said of a charge.
pub(super) async fn of_charge(response: Response) -> Result<Charged, Trouble> {
    let said = said(&response);
    match response.status() {
        StatusCode::OK | StatusCode::CREATED => match read(response, &said).await?.id_if("succeeded") {
            Some(charge_id) => Ok(Charged::Succeeded { charge_id }),
            // It may well have been charged: the same key will tell.
            None => Err(Trouble::failed(format!("{said} without id and status succeeded"))),
        },
        StatusCode::PAYMENT_REQUIRED => {
            let answer = read(response, &said).await?;
            if !answer.says("declined") {
                return Err(Trouble::failed(format!("{said} without status declined")));
            }
            let reason = answer.reason.map(|reason| shortened(&reason)).filter(|reason| !reason.is_empty());
            Ok(Charged::Declined { reason: reason.unwrap_or("declined".into()) })
        }
        _ => Err(trouble(&response, said)),
    }
}

/// What was said of a refund.
pub(super) async fn of_refund(response: Response) -> Result<Refunded, Trouble> {
    let said = said(&response);
    match response.status() {
        StatusCode::OK | StatusCode::CREATED => {
            let is_ok = response.status() == StatusCode::OK;
            let answer = read(response, &said).await?;
            match answer.id_if("refunded") {
                Some(id) => Ok(Refunded::Refunded { id }),
                None if is_ok && answer.says("voided") => Ok(Refunded::Voided),
                None => {
                    Err(Trouble::failed(format!("{said} without status voided, and without id and status refunded")))
                }
            }
        }
        _ => Err(trouble(&response, said)),
    }
}

fn said(response: &Response) -> String {
    format!("the provider answered {}", response.status())
}

fn trouble(response: &Response, reason: String) -> Trouble {
    let after = retry_after(response);
    match response.status() {
        status if AWAY.contains(&status) => Trouble::Away { reason, after },
        status if status.is_client_error() && status != StatusCode::CONFLICT => Trouble::Refused { reason },
        _ => Trouble::Failed { reason, after },
    }
}

/// There was no answer.
pub(super) fn unanswered(error: reqwest::Error) -> Trouble {
    Trouble::Away { reason: without_url(error), after: None }
}

/// Reads an answer's JSON, up to the limit.
async fn read(mut response: Response, said: &str) -> Result<Answer, Trouble> {
    let lost = |error| Trouble::Away { reason: format!("{said}: {}", without_url(error)), after: None };
    let unusable = |why: &str| Trouble::failed(format!("{said}: {why}"));
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(lost)? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER_BYTES {
            return Err(unusable("its answer is too long"));
        }
    }
    serde_json::from_slice(&body).map_err(|_| unusable("its answer is not the JSON that was agreed on"))
}

/// When the provider wants to be asked again: `Retry-After` is a number of seconds, or a date (RFC 9110, section 10.2.3).
fn retry_after(response: &Response) -> Option<Duration> {
    wait_until_asked_for(response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim(), SystemTime::now())
}

fn wait_until_asked_for(value: &str, now: SystemTime) -> Option<Duration> {
    let seconds = || value.parse().ok().map(Duration::from_secs);
    // One that has passed: at once.
    let date = || Some(httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or_default());
    seconds().or_else(date).map(|wait| wait.min(MAX_RETRY_AFTER))
}

fn without_url(error: reqwest::Error) -> String {
    let timed_out = error.is_timeout();
    let error = error.without_url();
    if timed_out {
        "the provider did not answer in time".to_owned()
    } else {
        format!("the provider is out of reach: {error}")
    }
}

fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_provider_says_when_it_wants_to_be_asked_again_in_seconds_or_as_a_date() {
        let now = httpdate::parse_http_date("Tue, 24 Nov 2026 08:00:00 GMT").unwrap();
        for (value, seconds) in [
            ("120", Some(120)),
            ("0", Some(0)),
            ("99999999", Some(3600)),
            ("Tue, 24 Nov 2026 08:00:30 GMT", Some(30)),
            ("Tue, 24 Nov 2026 07:00:00 GMT", Some(0)),
            ("Wed, 25 Nov 2026 08:00:00 GMT", Some(3600)),
            ("soon", None),
            ("-1", None),
        ] {
            assert_eq!(wait_until_asked_for(value, now), seconds.map(Duration::from_secs), "{value}");
        }
    }
}
