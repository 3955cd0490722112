//! One HTTP request and its answer.

use std::fmt;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use super::shared::Shared;
use crate::core::{Code, Error};
use crate::protocol::{self, Context};

/// Where a request says nothing of a region: unsigned, by hand.
const REGION: &str = "us-east-1";
/// A batch of 1 MiB whose every character is escaped takes six.
const LARGEST_BODY: usize = 8 * 1_048_576;
const TARGET: &str = "x-amz-target";
const SERVICE: &str = "AmazonSQS.";
const JSON: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.0");
const XML: HeaderValue = HeaderValue::from_static("text/xml");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// The connection ends instead of an answer.
#[derive(Debug)]
pub(super) struct NoAnswer;

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the queue does not answer")
    }
}

impl std::error::Error for NoAnswer {}

type Answer = Response<Full<Bytes>>;

pub(super) async fn answer(
    shared: &Shared,
    address: SocketAddr,
    request: Request<Incoming>,
) -> Result<Answer, NoAnswer> {
    let (parts, body) = request.into_parts();
    let answer = async {
        let body = match Limited::new(body, LARGEST_BODY).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                let message = format!("A request has at most {LARGEST_BODY} bytes.");
                return Ok(refusal(&Error::new(Code::BatchRequestTooLong, message)));
            }
            Err(_) => return Err(NoAnswer),
        };
        let Some(action) = action(&parts.headers) else { return Ok(no_action(&parts, &body)) };
        let result = act(shared, action, &body, &parts.headers, address).await;
        if shared.loses_answer() { Err(NoAnswer) } else { Ok(result.unwrap_or_else(|error| refusal(&error))) }
    };
    tokio::select! {
        biased;
        () = shared.gone_away() => Err(NoAnswer),
        answer = answer => answer,
    }
}

async fn act(
    shared: &Shared,
    action: &str,
    body: &[u8],
    headers: &HeaderMap,
    address: SocketAddr,
) -> Result<Answer, Error> {
    let trace_header = text(headers, "x-amzn-trace-id").map(str::to_owned);
    let context = Context { region: region(headers).into(), trace_header };
    let request = protocol::read(action, body, &context)?;
    let base = match text(headers, HOST.as_str()) {
        Some(host) => format!("http://{host}"),
        None => format!("http://{address}"),
    };
    let answer = shared.call(request.call).await?;
    Ok(response(StatusCode::OK, JSON, protocol::answer(&answer, &request.filter, &base)))
}

fn action(headers: &HeaderMap) -> Option<&str> {
    text(headers, TARGET)?.strip_prefix(SERVICE)
}

/// The region in the scope of the signature: `Credential=KEY/DATE/REGION/sqs/aws4_request`.
fn region(headers: &HeaderMap) -> &str {
    let scope = text(headers, AUTHORIZATION.as_str()).and_then(|header| header.split_once("Credential="));
    let region = scope.and_then(|(_, scope)| scope.split(['/', ',']).nth(2));
    region.filter(|region| !region.is_empty()).unwrap_or(REGION)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn refusal(error: &Error) -> Answer {
    let status = StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = response(status, JSON, protocol::error(error));
    let fault = if status.is_server_error() { "Receiver" } else { "Sender" };
    if let Ok(value) = HeaderValue::from_str(&format!("{};{fault}", error.code.query())) {
        response.headers_mut().insert("x-amzn-query-error", value);
    }
    response
}

/// What is not JSON for SQS: the query protocol, another service, a person with a browser.
fn no_action(parts: &hyper::http::request::Parts, body: &[u8]) -> Answer {
    let query = parts.uri.query().is_some_and(|query| query.contains("Action=")) || body.starts_with(b"Action=");
    let form = text(&parts.headers, CONTENT_TYPE.as_str()).is_some_and(|kind| kind.contains("x-www-form-urlencoded"));
    if query || form {
        let code = Code::UnsupportedOperation.query();
        let message =
            "The embedded queue speaks AWS JSON 1.0 only, not the query protocol: use an SDK of 2024 or later.";
        let error = format!("<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>");
        let id = request_id();
        let xml = format!("<ErrorResponse>{error}<RequestId>{id}</RequestId></ErrorResponse>");
        return response(StatusCode::BAD_REQUEST, XML, xml.into_bytes());
    }
    if parts.method == Method::GET || parts.method == Method::HEAD {
        let about =
            "An embedded SQS queue. Use it with an AWS SDK, or: aws --endpoint-url http://HOST:PORT sqs list-queues\n";
        return response(StatusCode::OK, TEXT, about.into());
    }
    let message = "The request must name its action in X-Amz-Target, such as AmazonSQS.SendMessage.";
    refusal(&Error::new(Code::InvalidAction, message))
}

fn response(status: StatusCode, kind: HeaderValue, body: Vec<u8>) -> Answer {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, kind);
    if let Ok(id) = HeaderValue::from_str(&request_id()) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}

fn request_id() -> String {
    uuid::Builder::from_random_bytes(fastrand::u128(..).to_be_bytes()).into_uuid().to_string()
}
