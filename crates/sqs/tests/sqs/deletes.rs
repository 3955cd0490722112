//! Each entry's result of a delete is read: what was not deleted is deleted again, and not handled again
//! (bbc/sqs-consumer#193).

use std::collections::HashSet;
use std::time::Duration;

use testbed::Fault;

use crate::{Gate, Scene, config, done};

const DELETE: &str = "DeleteMessageBatch";

#[tokio::test]
async fn entries_that_were_not_deleted_are_deleted_again_and_not_handled_again() {
    let scene = Scene::start().await;
    scene.send_many("m", 10).await;
    scene.fail_first(4, DELETE, Fault::HalfFailed { code: "InternalError", sender_fault: false });
    let gate = Gate::shut();
    let held = gate.clone();
    let consumer = scene.consume(config(), move |_| held.done());
    consumer.delivered(10).await;
    // All at once, so that the deletes share a call.
    gate.open();
    let seen = scene.end(consumer).await;
    assert_eq!(seen.deliveries(), 10);
    assert!(scene.entries(DELETE).len() > 10, "none had to be deleted again");
}

#[tokio::test]
async fn a_lost_answer_to_a_delete_does_no_harm() {
    let scene = Scene::start().await;
    scene.fail_first(5, DELETE, Fault::AnswerLost);
    scene.send_many("m", 10).await;
    let consumer = scene.consume(config(), |_| done());
    consumer.decided(10).await;
    let seen = scene.end(consumer).await;
    assert_eq!(seen.deliveries(), 10);
    assert!(scene.proxy.count(DELETE) > 5);
}

#[tokio::test]
async fn a_delete_that_is_refused_for_good_is_not_repeated_and_its_message_comes_again() {
    let scene = Scene::start().await;
    scene.send_many("m", 10).await;
    scene.fail_first(1, DELETE, Fault::HalfFailed { code: "ReceiptHandleIsInvalid", sender_fault: true });
    let gate = Gate::shut();
    let held = gate.clone();
    let visibility_timeout = Some(Duration::from_secs(2));
    let consumer = scene.consume(config().visibility_timeout(visibility_timeout), move |_| held.done());
    consumer.delivered(10).await;
    gate.open();
    scene.called(DELETE, 1).await;
    let refused = scene.entries(DELETE).len() / 2;
    assert!(refused > 0, "the first delete was alone in its call");
    consumer.decided(10 + refused).await;
    let seen = scene.end(consumer).await;
    let handles: HashSet<String> =
        scene.entries(DELETE).iter().map(|entry| entry["ReceiptHandle"].to_string()).collect();
    assert_eq!(
        (seen.deliveries(), handles.len(), scene.entries(DELETE).len()),
        (10 + refused, 10 + refused, 10 + refused)
    );
}
