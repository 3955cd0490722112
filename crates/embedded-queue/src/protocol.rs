//! HTTP to the embedded queue and back, and where its answers are made those of SQS.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use winterbaume_core::{MockRequest, MockResponse, MockService, set_default_account_id};
use winterbaume_sqs::SqsService;

use crate::QueueDefinition;

/// LocalStack's account, so that addresses and ARNs are the same in both worlds.
const ACCOUNT: &str = "000000000000";

/// Which action a request is about.
const TARGET: &str = "x-amz-target";

#[derive(Clone)]
pub(crate) struct Sqs {
    service: Arc<SqsService>,
    stop: CancellationToken,
}

impl Sqs {
    pub(crate) fn new(stop: CancellationToken) -> Self {
        set_default_account_id(ACCOUNT);
        Self { service: Arc::new(SqsService::new()), stop }
    }
}

pub(crate) async fn answer(
    State(sqs): State<Sqs>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = MockRequest { method: method.to_string(), uri: uri.to_string(), headers, body };
    let response = match action(&request).as_deref() {
        Some("ReceiveMessage") => sqs.receive(request).await,
        Some("DeleteMessageBatch") => sqs.entry_by_entry(request, "DeleteMessage").await,
        Some("ChangeMessageVisibilityBatch") => sqs.entry_by_entry(request, "ChangeMessageVisibility").await,
        // It takes the task and never moves anything.
        Some("StartMessageMoveTask") => error(
            "AWS.SimpleQueueService.UnsupportedOperation",
            "the embedded queue has no message move tasks, messages must be moved one by one",
        ),
        _ => sqs.service.handle(request).await,
    };
    let status = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, response.headers, response.body).into_response()
}

impl Sqs {
    /// The error is SQS's code.
    pub(crate) async fn create_queue(&self, queue: &QueueDefinition) -> Result<(), String> {
        let target = HeaderValue::from_static("AmazonSQS.CreateQueue");
        let body = json!({ "QueueName": queue.name, "Attributes": queue.attributes }).to_string().into();
        let headers = HeaderMap::from_iter([(HeaderName::from_static(TARGET), target)]);
        let request = MockRequest { method: "POST".to_owned(), uri: "/".to_owned(), headers, body };
        error_code(&self.service.handle(request).await).map_or(Ok(()), Err)
    }

    /// An open long poll ends, as empty, when the endpoint is told to stop.
    async fn receive(&self, request: MockRequest) -> MockResponse {
        tokio::select! {
            biased;
            response = self.service.handle(request) => response,
            () = self.stop.cancelled() => MockResponse::json(200, "{}"),
        }
    }

    /// One bad receipt handle fails the whole batch here; in SQS each entry has its own result.
    async fn entry_by_entry(&self, request: MockRequest, single: &'static str) -> MockResponse {
        let response = self.service.handle(request.clone()).await;
        let body = serde_json::from_slice::<Value>(&request.body).unwrap_or_default();
        let entries = body["Entries"].as_array();
        let Some(entries) = entries.filter(|_| error_code(&response).as_deref() == Some("ReceiptHandleIsInvalid"))
        else {
            return response;
        };
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for entry in entries {
            let mut one = entry.clone();
            one["QueueUrl"] = body["QueueUrl"].clone();
            let mut request = request.clone();
            request.body = one.to_string().into();
            if let Ok(target) = format!("AmazonSQS.{single}").parse() {
                request.headers.insert(TARGET, target);
            }
            let response = self.service.handle(request).await;
            match error_code(&response) {
                None => successful.push(json!({ "Id": entry["Id"] })),
                Some(code) => failed.push(json!({
                    "Id": entry["Id"], "SenderFault": true, "Code": code,
                    "Message": "The input receipt handle is invalid.",
                })),
            }
        }
        MockResponse::json(200, json!({ "Successful": successful, "Failed": failed }).to_string())
    }
}

fn action(request: &MockRequest) -> Option<String> {
    let target = request.headers.get(TARGET)?.to_str().ok()?;
    Some(target.rsplit('.').next()?.to_owned())
}

fn error_code(response: &MockResponse) -> Option<String> {
    if response.status == 200 {
        return None;
    }
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    Some(body["__type"].as_str().unwrap_or("InternalError").to_owned())
}

fn error(code: &str, message: &str) -> MockResponse {
    MockResponse::json(400, json!({ "__type": code, "message": message }).to_string())
}
