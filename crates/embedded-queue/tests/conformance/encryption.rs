//! Encryption at rest: which keys, and that a queue has one kind.

use crate::endpoint::Endpoint;

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>
#[tokio::test]
async fn a_queue_is_encrypted_with_keys_of_sqs_unless_it_is_told_otherwise() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("sse").await;
    assert_eq!(queue.attribute("SqsManagedSseEnabled").await.as_deref(), Some("true"));
    queue.set("SqsManagedSseEnabled", "false").await.unwrap();
    assert_eq!(queue.attribute("SqsManagedSseEnabled").await.as_deref(), Some("false"));
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-sse-existing-queue.html>
#[tokio::test]
async fn a_key_of_kms_takes_the_place_of_those_of_sqs() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("kms").await;
    queue.set("KmsMasterKeyId", "alias/aws/sqs").await.unwrap();
    queue.set("KmsDataKeyReusePeriodSeconds", "6000").await.unwrap();
    assert_eq!(queue.attribute("KmsMasterKeyId").await.as_deref(), Some("alias/aws/sqs"));
    assert_eq!(queue.attribute("KmsDataKeyReusePeriodSeconds").await.as_deref(), Some("6000"));
    if !endpoint.localstack_differs("it shows both kinds of keys at once") {
        assert_eq!(queue.attribute("SqsManagedSseEnabled").await.as_deref(), Some("false"));
    }
    queue.set("KmsMasterKeyId", "").await.unwrap();
    assert_eq!(queue.attribute("KmsMasterKeyId").await, None);
    if !endpoint.localstack_differs("it shows both kinds of keys at once") {
        assert_eq!(queue.attribute("SqsManagedSseEnabled").await.as_deref(), Some("false"), "AWS answered so");
    }
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
#[tokio::test]
async fn a_queue_has_one_kind_of_encryption() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("both").await;
    if endpoint.localstack_differs("it takes both") {
        return;
    }
    let both = endpoint.sqs.set_queue_attributes().queue_url(&queue.url);
    let both = both.attributes("KmsMasterKeyId".into(), "key").attributes("SqsManagedSseEnabled".into(), "true");
    let refusal = crate::endpoint::refusal(both.send().await.unwrap_err());
    assert_eq!(refusal.code, "InvalidAttributeName");
    assert_eq!(
        refusal.message,
        "You can use one type of server-side encryption (SSE) at one time. \
         You can either enable KMS SSE or SQS SSE."
    );
    assert_eq!(queue.attribute("KmsMasterKeyId").await, None);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
#[tokio::test]
async fn encryption_is_true_or_false() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("sse").await;
    if endpoint.localstack_differs("it takes nearly any value of an attribute") {
        return;
    }
    let refusal = queue.set("SqsManagedSseEnabled", "perhaps").await.unwrap_err();
    assert_eq!(refusal.code, "InvalidAttributeValue");
}
