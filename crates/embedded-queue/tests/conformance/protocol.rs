//! What goes over the wire: the AWS JSON protocol 1.0, in plain HTTP.

use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::endpoint::Endpoint;

struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.text))
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The error's name, without the namespace before it.
    fn error(&self) -> String {
        let shape = self.json()["__type"].as_str().unwrap_or_default().to_owned();
        shape.rsplit('#').next().unwrap_or_default().to_owned()
    }
}

/// The signature is not looked at, but its scope names the region.
fn authorization(region: &str) -> String {
    format!("AWS4-HMAC-SHA256 Credential=test/20260101/{region}/sqs/aws4_request, SignedHeaders=host, Signature=0000")
}

async fn post_in(endpoint: &Endpoint, region: &str, action: &str, body: impl Into<String>) -> Answer {
    let request = endpoint
        .http()
        .post(format!("{}/", endpoint.url))
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", format!("AmazonSQS.{action}"))
        .header("authorization", authorization(region))
        .body(body.into());
    answer(request).await
}

async fn post(endpoint: &Endpoint, action: &str, body: impl Into<String>) -> Answer {
    post_in(endpoint, "us-east-1", action, body).await
}

async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, text: response.text().await.unwrap() }
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-json.html>
#[tokio::test]
async fn an_answer_is_json_with_a_request_id() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("wire").await;
    let body = json!({ "QueueUrl": queue.url, "MessageBody": "hello" }).to_string();
    let [first, second] = [post(&endpoint, "SendMessage", &*body).await, post(&endpoint, "SendMessage", body).await];
    assert_eq!((first.status, first.header("content-type")), (200, "application/x-amz-json-1.0"));
    assert_eq!(first.json()["MD5OfMessageBody"], "5d41402abc4b2a76b9719d911017c592");
    assert_eq!(first.header("x-amzn-requestid").len(), 36, "a UUID");
    assert_ne!(first.header("x-amzn-requestid"), second.header("x-amzn-requestid"));
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-json.html>
#[tokio::test]
async fn an_error_has_its_shape_in_the_body_and_the_code_of_the_query_protocol_in_a_header() {
    let endpoint = Endpoint::start().await;
    let missing = format!("{}/000000000000/{}", endpoint.url, endpoint.name("missing"));
    let answer = post(&endpoint, "GetQueueAttributes", json!({ "QueueUrl": missing }).to_string()).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.error(), "QueueDoesNotExist");
    assert_eq!(answer.json()["message"], "The specified queue does not exist.");
    assert_eq!(answer.header("x-amzn-query-error"), "AWS.SimpleQueueService.NonExistentQueue;Sender");
    assert_eq!(answer.header("x-amzn-requestid").len(), 36, "a UUID");
    if endpoint.localstack_differs("it leaves the namespace out, and calls an error application/json") {
        return;
    }
    assert_eq!(answer.json()["__type"], "com.amazonaws.sqs#QueueDoesNotExist");
    assert_eq!(answer.header("content-type"), "application/x-amz-json-1.0");
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-json.html>
#[tokio::test]
async fn lists_without_entries_are_left_out_of_an_answer() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("wire").await;
    let url = json!({ "QueueUrl": queue.url }).to_string();
    let prefix = json!({ "QueueNamePrefix": endpoint.name("nothing") }).to_string();
    for (action, body) in
        [("ReceiveMessage", &url), ("ListQueues", &prefix), ("GetQueueAttributes", &url), ("ListQueueTags", &url)]
    {
        let answer = post(&endpoint, action, body.as_str()).await;
        assert_eq!((answer.status, answer.json()), (200, json!({})), "{action}");
    }
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-json.html>
#[tokio::test]
async fn an_action_without_a_result_has_an_empty_answer() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("wire").await;
    let answer = post(&endpoint, "PurgeQueue", json!({ "QueueUrl": queue.url }).to_string()).await;
    assert_eq!(answer.status, 200);
    assert!(["", "{}"].contains(&answer.text.as_str()), "{}", answer.text);
}

/// <https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html>
#[tokio::test]
async fn a_body_that_is_no_json_or_has_a_value_of_the_wrong_kind_is_refused() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("wire").await;
    if endpoint.localstack_differs("it answers with an internal error, or takes the value as it is") {
        return;
    }
    let url = &queue.url;
    for body in [
        String::new(),
        "{".to_owned(),
        "[]".to_owned(),
        "no JSON".to_owned(),
        format!(r#"{{"QueueUrl":"{url}","MessageBody":7}}"#),
        format!(r#"{{"QueueUrl":"{url}","MessageBody":"x","DelaySeconds":"soon"}}"#),
        format!(r#"{{"QueueUrl":"{url}","MessageBody":"x","MessageAttributes":[]}}"#),
        format!(r#"{{"QueueUrl":"{url}","MessageBody":"\ud800"}}"#),
    ] {
        let answer = post(&endpoint, "SendMessage", &*body).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text);
        let error = answer.error();
        assert!(["SerializationException", "MissingRequiredParameterException"].contains(&&*error), "{body}: {error}");
    }
    assert_eq!(queue.counters().await, [0, 0, 0]);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html>
#[tokio::test]
async fn a_required_parameter_that_is_missing_is_refused() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("wire").await;
    if endpoint.localstack_differs("it answers with an internal error") {
        return;
    }
    let url = json!({ "QueueUrl": queue.url });
    for (action, body) in [
        ("CreateQueue", json!({})),
        ("GetQueueUrl", json!({})),
        ("SendMessage", url.clone()),
        ("DeleteMessage", url.clone()),
        ("ChangeMessageVisibility", json!({ "QueueUrl": queue.url, "ReceiptHandle": "x" })),
        ("SetQueueAttributes", url.clone()),
        ("ReceiveMessage", json!({})),
        ("StartMessageMoveTask", json!({})),
    ] {
        let answer = post(&endpoint, action, body.to_string()).await;
        assert_eq!((answer.status, answer.error()), (400, "MissingRequiredParameterException".to_owned()), "{action}");
        assert_eq!(answer.header("x-amzn-query-error"), "MissingParameter;Sender", "{action}");
    }
}

/// <https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html>
#[tokio::test]
async fn members_that_are_null_or_unknown_are_ignored() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("wire").await;
    let body = json!({
        "QueueUrl": queue.url, "MessageBody": "x", "DelaySeconds": null, "MessageAttributes": null, "Later": { "a": 1 }
    });
    let answer = post(&endpoint, "SendMessage", body.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(queue.counters().await, [1, 0, 0]);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html>
#[tokio::test]
async fn an_unknown_action_is_refused() {
    let endpoint = Endpoint::start().await;
    let answer = post(&endpoint, "Nonsense", "{}").await;
    if endpoint.localstack_differs("it answers with an internal error") {
        return;
    }
    assert_eq!((answer.status, answer.error()), (400, "InvalidAction".to_owned()));
}

/// SQS has the query protocol still; the embedded queue says clearly that it has not.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-xml.html>
#[tokio::test]
async fn the_query_protocol_is_refused_in_one_clear_sentence() {
    let endpoint = Endpoint::start().await;
    if endpoint.localstack_differs("it has the query protocol") {
        return;
    }
    let request = endpoint
        .http()
        .post(format!("{}/", endpoint.url))
        .header("content-type", "application/x-www-form-urlencoded")
        .body("Action=ListQueues&Version=2012-11-05");
    let answer = answer(request).await;
    assert_eq!(answer.status, 400);
    assert!(answer.text.contains("JSON"), "{}", answer.text);
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>
#[tokio::test]
async fn a_queue_lives_in_the_region_of_the_signatures_scope() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("regional").await;
    let name = json!({ "QueueName": queue.name }).to_string();
    let elsewhere = post_in(&endpoint, "eu-central-1", "GetQueueUrl", &*name).await;
    assert_eq!(elsewhere.error(), "QueueDoesNotExist");

    let created = post_in(&endpoint, "eu-central-1", "CreateQueue", name).await;
    let asked = json!({ "QueueUrl": created.json()["QueueUrl"], "AttributeNames": ["QueueArn"] }).to_string();
    let attributes = post_in(&endpoint, "eu-central-1", "GetQueueAttributes", asked).await;
    let arn = format!("arn:aws:sqs:eu-central-1:000000000000:{}", queue.name);
    assert_eq!(attributes.json()["Attributes"]["QueueArn"], arn);
    queue.send("here").await;
    let url = json!({ "QueueUrl": created.json()["QueueUrl"] }).to_string();
    assert_eq!(post_in(&endpoint, "eu-central-1", "ReceiveMessage", url).await.json(), json!({}));
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-message-identifiers.html>
#[tokio::test]
async fn a_queues_address_is_at_the_endpoint_with_the_account_and_the_name() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("address").await;
    assert!(queue.url.ends_with(&format!("/000000000000/{}", queue.name)), "{}", queue.url);
    if endpoint.localstack_differs("its addresses are of a host name of its own") {
        return;
    }
    assert_eq!(queue.url, format!("{}/000000000000/{}", endpoint.url, queue.name));
}

/// Whoever reaches the endpoint by another name (from a container, through a port of the host) gets addresses that he
/// reaches.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-message-identifiers.html>
#[tokio::test]
async fn a_queues_address_has_the_host_by_which_the_endpoint_was_reached() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("address").await;
    let port = endpoint.url.rsplit(':').next().unwrap().to_owned();
    let request = endpoint
        .http()
        .post(format!("http://localhost:{port}/"))
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", "AmazonSQS.GetQueueUrl")
        .header("authorization", authorization("us-east-1"))
        .body(json!({ "QueueName": queue.name }).to_string());
    if endpoint.localstack_differs("its addresses are of a host name of its own") {
        return;
    }
    let url = format!("http://localhost:{port}/000000000000/{}", queue.name);
    assert_eq!(answer(request).await.json()["QueueUrl"], url);
}
