//! The attributes that a sender gives a message.

use aws_sdk_sqs::operation::send_message::builders::SendMessageFluentBuilder;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::MessageAttributeValue;
use aws_sdk_sqs::types::builders::MessageAttributeValueBuilder;

use crate::endpoint::{Endpoint, Queue, invalid_parameter};

fn sending(queue: &Queue) -> SendMessageFluentBuilder {
    queue.sqs.send_message().queue_url(&queue.url).message_body("with attributes")
}

fn of_type(data_type: &str) -> MessageAttributeValueBuilder {
    MessageAttributeValue::builder().data_type(data_type)
}

fn text(value: &str) -> MessageAttributeValue {
    of_type("String").string_value(value).build().unwrap()
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>
#[tokio::test]
async fn texts_numbers_and_bytes_come_back_as_they_were_sent_with_their_own_types() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("attributes").await;
    let values = [
        ("a-Name_1.b", text("a \"value\" with <ä>")),
        ("number", of_type("Number").string_value("-1234567890.5").build().unwrap()),
        ("bytes", of_type("Binary").binary_value(Blob::new([0_u8, 255, 10])).build().unwrap()),
        ("own-text", of_type("String.json").string_value("{}").build().unwrap()),
        ("own-number", of_type("Number.int").string_value("7").build().unwrap()),
        ("own-bytes", of_type("Binary.png").binary_value(Blob::new([137_u8])).build().unwrap()),
    ];
    let mut call = sending(&queue);
    for (name, value) in &values {
        call = call.message_attributes(*name, value.clone());
    }
    let sent = call.send().await.unwrap();
    let received = queue.receive().await.unwrap();
    assert_eq!(received.md5_of_message_attributes(), sent.md5_of_message_attributes());
    let attributes = received.message_attributes.unwrap();
    assert_eq!(attributes.len(), values.len());
    for (name, value) in values {
        assert_eq!(attributes[name], value, "{name}");
    }
}

/// The digests are those that AWS answered.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>
#[tokio::test]
async fn the_digest_of_the_attributes_goes_by_their_sorted_names_types_and_values() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("digests").await;
    let sent = sending(&queue).message_attributes("MyAttribute", text("foobar")).send().await.unwrap();
    assert_eq!(sent.md5_of_message_attributes(), Some("adb59cd4678ea5a855436b949cd07ab6"));
    let bytes = Blob::new(*b"traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01");
    let bytes = of_type("Binary").binary_value(bytes).build().unwrap();
    let sent = sending(&queue).message_attributes("attr1", bytes).send().await.unwrap();
    assert_eq!(sent.md5_of_message_attributes(), Some("8cbe4db156db8a94db8b801b7addb984"));
    let three = sending(&queue)
        .message_attributes("Help.Me", text("Me"))
        .message_attributes("Hello", text("There"))
        .message_attributes("General", text("Kenobi"));
    assert_eq!(three.send().await.unwrap().md5_of_message_attributes(), Some("4c360f3fdafd970e05fae2f149d997f5"));
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
#[tokio::test]
async fn a_message_has_at_most_ten_attributes() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("attributes").await;
    let with = |count: usize| {
        (0..count).fold(sending(&queue), |call, number| call.message_attributes(format!("a{number}"), text("value")))
    };
    with(10).send().await.unwrap();
    if endpoint.localstack_differs("it takes any number of attributes") {
        return;
    }
    invalid_parameter(with(11).send().await);
}

/// AWS has been seen to take accented letters too.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>
#[tokio::test]
async fn a_name_has_letters_digits_underscores_hyphens_and_single_dots_inside() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("names").await;
    let with = |name: &str| sending(&queue).message_attributes(name, text("value")).send();
    let longest = "n".repeat(255);
    for name in ["a", "A-z_0.9", "é", "aws", "amazonas", &longest] {
        with(name).await.unwrap();
    }
    let too_long = "n".repeat(257);
    let mut refused = vec!["a b", "a:b", ".a", "a.", "AWS.a", "aws.a", "Amazon.a", "amazon.a", &too_long];
    if !endpoint.localstack_differs("it takes two dots in a row, and an empty name") {
        refused.extend(["a..b", ""]);
    }
    for name in refused {
        invalid_parameter(with(name).await);
    }
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>
#[tokio::test]
async fn a_name_of_256_characters_is_taken() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("names").await;
    if endpoint.localstack_differs("its longest name has 255 characters") {
        return;
    }
    sending(&queue).message_attributes("n".repeat(256), text("value")).send().await.unwrap();
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>
#[tokio::test]
async fn a_type_is_text_number_or_binary_with_an_own_label_if_wanted() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("types").await;
    let with = |data_type: &str| {
        let value = of_type(data_type).string_value("1").build().unwrap();
        sending(&queue).message_attributes("name", value).send()
    };
    for taken in ["String", "Number", "String.x", "Number.float.32"] {
        with(taken).await.unwrap();
    }
    let too_long = format!("String.{}", "x".repeat(250));
    for refused in ["", "Text", "string", "Boolean", &too_long] {
        invalid_parameter(with(refused).await);
    }
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>
#[tokio::test]
async fn a_value_is_there_and_of_its_type() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("values").await;
    let with = |value: MessageAttributeValueBuilder| {
        sending(&queue).message_attributes("ErrorDetails", value.build().unwrap()).send()
    };
    let empty = invalid_parameter(with(of_type("String").string_value("")).await);
    assert_eq!(empty, "Message (user) attribute 'ErrorDetails' must contain a non-empty value of type 'String'.");
    invalid_parameter(with(of_type("String").string_value("not\u{0}allowed")).await);
    if endpoint.localstack_differs("it looks at values of type String only") {
        return;
    }
    invalid_parameter(with(of_type("String")).await);
    invalid_parameter(with(of_type("String").binary_value(Blob::new([1]))).await);
    invalid_parameter(with(of_type("Binary")).await);
    invalid_parameter(with(of_type("Binary").string_value("text")).await);
    invalid_parameter(with(of_type("Binary").binary_value(Blob::new([]))).await);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>
#[tokio::test]
async fn a_number_has_up_to_38_digits_between_1e_minus_128_and_1e126() {
    let endpoint = Endpoint::start().await;
    let queue = endpoint.queue("numbers").await;
    let with = |number: &str| {
        let value = of_type("Number").string_value(number).build().unwrap();
        sending(&queue).message_attributes("name", value).send()
    };
    for taken in ["0", "-1", "+1", "007", "1.5", "-0.25", "1e125", "1E-127", "12345678901234567890123456789012345678"] {
        with(taken).await.unwrap();
    }
    if endpoint.localstack_differs("it takes any text as a number") {
        return;
    }
    for refused in ["", "one", "1,5", "1.2.3", "0x10", "NaN", "Infinity", "1e127"] {
        invalid_parameter(with(refused).await);
    }
}
