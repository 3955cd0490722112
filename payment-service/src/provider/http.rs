//! The payment provider behind `PAYMENT_PROVIDER_URL`. Its answers are untrusted input.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;
use opentelemetry_semantic_conventions::attribute;
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, Response, StatusCode, Url};
use serde::{Deserialize, Serialize};
use sqs::TraceContext;
use sqs::trace::{OpenSpan, TRACEPARENT};
use uuid::Uuid;

use super::{Answer, Charge, TRACER};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_secs(10);
/// An answer is a line of JSON; more than this is not read.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
const MAX_TEXT: usize = 200;
/// A provider that wants to be asked again later than this is asked after this.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// Where the provider is; shown without user, password and path.
#[derive(Clone, PartialEq, Eq)]
pub struct ProviderUrl(Url);

/// What is not a provider's URL.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an http:// or https:// URL without query, such as https://payments.example")]
pub struct InvalidProviderUrl;

impl FromStr for ProviderUrl {
    type Err = InvalidProviderUrl;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        let mut charges: Url = url.parse().map_err(|_| InvalidProviderUrl)?;
        let usable = ["http", "https"].contains(&charges.scheme()) && charges.has_host();
        if !usable || charges.query().is_some() || charges.fragment().is_some() {
            return Err(InvalidProviderUrl);
        }
        charges.path_segments_mut().map_err(|()| InvalidProviderUrl)?.pop_if_empty().push("charges");
        Ok(Self(charges))
    }
}

impl fmt::Display for ProviderUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.0.scheme(), self.0.host_str().unwrap_or_default())
    }
}

impl fmt::Debug for ProviderUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Charges over HTTP.
pub struct HttpProvider {
    client: Client,
    charges: Url,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ChargeRequest<'a> {
    order_id: Uuid,
    user_id: &'a str,
    amount: i64,
    currency: &'a str,
}

#[derive(Deserialize)]
struct ChargeAnswer {
    id: Option<String>,
    status: Option<String>,
    reason: Option<String>,
}

impl HttpProvider {
    /// A client of the provider at `url`.
    pub fn new(url: ProviderUrl) -> Result<Self, reqwest::Error> {
        chassis::tls::install_provider();
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            // A charge must not be sent to wherever an answer points.
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { client, charges: url.0 })
    }

    pub(super) async fn charge(&self, charge: &Charge) -> Answer {
        let mut span = self.begin_span(charge.trace);
        let request = self
            .client
            .post(self.charges.clone())
            .header("Idempotency-Key", charge.order_id.to_string())
            .header(TRACEPARENT, span.context().to_string())
            .json(&ChargeRequest {
                order_id: charge.order_id,
                user_id: &charge.user_id,
                amount: charge.amount,
                currency: charge.currency.as_str(),
            });
        let answer = match request.send().await {
            Ok(response) => {
                span.set(attribute::HTTP_RESPONSE_STATUS_CODE, i64::from(response.status().as_u16()));
                classify(response).await
            }
            Err(error) => Answer::Away { reason: without_url(error), after: None },
        };
        answer.tell(&mut span);
        answer
    }

    /// Its path and query may be secrets, and are not told.
    fn begin_span(&self, parent: TraceContext) -> OpenSpan {
        let mut span = TRACER.begin("POST /charges", SpanKind::Client, parent);
        span.describe(|| {
            vec![
                KeyValue::new(attribute::HTTP_REQUEST_METHOD, "POST"),
                KeyValue::new(attribute::URL_TEMPLATE, "/charges"),
                KeyValue::new(attribute::SERVER_ADDRESS, self.charges.host_str().unwrap_or_default().to_owned()),
                KeyValue::new(attribute::SERVER_PORT, self.charges.port_or_known_default().map_or(0, i64::from)),
            ]
        });
        span
    }
}

/// Answers that say nothing about the charge: of a provider that is down or busy, or of something that stands where it
/// should be, or of credentials or an address that are wrong for every order alike.
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

async fn classify(response: Response) -> Answer {
    let status = response.status();
    let said = format!("the provider answered {status}");
    let after = retry_after(&response);
    match status {
        StatusCode::OK | StatusCode::CREATED => match read(response).await {
            Ok(ChargeAnswer { id: Some(id), status: Some(status), .. }) if status == "succeeded" && !id.is_empty() => {
                Answer::Succeeded { charge_id: shortened(&id) }
            }
            // It may well have been charged: the same key will tell.
            Ok(_) => failed(format!("{said} without id and status succeeded")),
            Err(unread) => unread.answer(&said),
        },
        StatusCode::PAYMENT_REQUIRED => match read(response).await {
            Ok(ChargeAnswer { status: Some(status), reason, .. }) if status == "declined" => Answer::Declined {
                reason: reason.map(|reason| shortened(&reason)).filter(|r| !r.is_empty()).unwrap_or("declined".into()),
            },
            Ok(_) => failed(format!("{said} without status declined")),
            Err(unread) => unread.answer(&said),
        },
        status if AWAY.contains(&status) => Answer::Away { reason: said, after },
        status if status.is_client_error() && status != StatusCode::CONFLICT => Answer::Refused { reason: said },
        _ => Answer::Failed { reason: said, after },
    }
}

/// Why an answer could not be read.
enum Unread {
    /// The connection ended first.
    Lost(reqwest::Error),
    /// It is not what was agreed on.
    Unusable(&'static str),
}

impl Unread {
    fn answer(self, said: &str) -> Answer {
        match self {
            Self::Lost(error) => Answer::Away { reason: format!("{said}: {}", without_url(error)), after: None },
            Self::Unusable(why) => failed(format!("{said}: {why}")),
        }
    }
}

/// Reads an answer's JSON, up to the limit.
async fn read(mut response: Response) -> Result<ChargeAnswer, Unread> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(Unread::Lost)? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER_BYTES {
            return Err(Unread::Unusable("its answer is too long"));
        }
    }
    serde_json::from_slice(&body).map_err(|_| Unread::Unusable("its answer is not the JSON that was agreed on"))
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

fn failed(reason: String) -> Answer {
    Answer::Failed { reason, after: None }
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

    #[test]
    fn no_secret_of_the_url_is_shown() {
        let url: ProviderUrl = "https://user:s3cret@pay.example/t0ken".parse().unwrap();
        assert_eq!((url.to_string(), format!("{url:?}")), ("https://pay.example".into(), "https://pay.example".into()));
    }

    #[test]
    fn charges_are_sent_below_the_configured_url() {
        let charges = |url: &str| url.parse::<ProviderUrl>().map(|url| url.0.to_string());
        assert_eq!(charges("http://localhost:9000"), Ok("http://localhost:9000/charges".to_owned()));
        assert_eq!(charges("https://pay.example/v1/"), Ok("https://pay.example/v1/charges".to_owned()));
        for bad in ["", "localhost:9000", "ftp://pay.example", "https://pay.example?key=1", "mailto:a@b"] {
            assert_eq!(charges(bad), Err(InvalidProviderUrl), "{bad}");
        }
    }
}
