//! SQS's documented behaviour, sentence by sentence, through the SDK and in plain HTTP.
//!
//! It runs against the embedded queue, and against LocalStack when `TEST_AWS_ENDPOINT_URL` is set. Each test links the
//! page of AWS's documentation that says so. Where LocalStack differs, the documentation decides, and the test says in
//! its place how LocalStack differs (`localstack_differs`).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail where it stands")]

mod dead_letters;
mod encryption;
mod endpoint;
mod fairness;
mod handles;
mod message_attributes;
mod move_tasks;
mod passage_of_time;
mod permissions;
mod polling;
mod protocol;
mod queue_attributes;
mod queues;
mod receiving;
mod redrive_policies;
mod sending;
mod sending_batches;
mod tags;
mod unkindness;
