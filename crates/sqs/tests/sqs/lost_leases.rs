//! A lease that cannot be kept is given up loudly, and the message goes to whoever receives it next.

use std::time::Duration;

use futures::FutureExt;
use sqs::{ConsumerConfig, Verdict};
use testbed::{Fault, eventually};

use crate::{Gate, Logs, Scene, config, done};

const EXTEND: &str = "ChangeMessageVisibilityBatch";

fn two_seconds() -> ConsumerConfig {
    config().visibility_timeout(Duration::from_secs(2))
}

#[tokio::test]
async fn a_lease_older_than_its_cap_is_given_up_and_the_message_comes_again() {
    let (scene, logs) = (Scene::start().await, Logs::capture());
    scene.queues.send("orders", "endless").await;
    let again = Gate::shut();
    let held = again.clone();
    let capped = two_seconds().lease_cap(Duration::from_secs(3));
    let consumer = scene.consume(capped, move |delivery| {
        if delivery.attempt > 1 {
            return done();
        }
        let held = held.clone();
        let lost = async move {
            delivery.lease.lost().await;
            held.opened().await;
            assert!(delivery.lease.is_lost());
            Verdict::Done
        };
        lost.boxed()
    });
    consumer.delivered(2).await;
    again.open();
    let seen = scene.end(consumer).await;
    assert_eq!(seen.attempts("endless"), [1, 2]);
    assert_eq!(scene.metric("leases_lost_total"), 1.0);
    assert_eq!(logs.count("lease lost"), 1);
}

#[tokio::test]
async fn a_lease_whose_extension_sqs_refuses_is_lost_at_once_and_its_message_left_alone() {
    let (scene, logs) = (Scene::start().await, Logs::capture());
    scene.send_many("m", 2).await;
    scene.fail_all(EXTEND, Fault::HalfFailed { code: "ReceiptHandleIsInvalid", sender_fault: true });
    let gate = Gate::shut();
    let held = gate.clone();
    let consumer = scene.consume(two_seconds(), move |delivery| {
        let held = held.clone();
        let first_of = async move {
            tokio::select! {
                () = delivery.lease.lost() => {
                    Verdict::Retry { reason: "lost".into(), after: Some(Duration::from_secs(40)) }
                }
                () = held.opened() => Verdict::Done,
            }
        };
        first_of.boxed()
    });
    eventually("a lease is lost", async || (scene.metric("leases_lost_total") > 0.0).then_some(())).await;
    scene.proxy.heal();
    consumer.delivered(3).await;
    gate.open();
    let seen = scene.end(consumer).await;
    assert_eq!([seen.attempts("m-0"), seen.attempts("m-1")].concat().len(), 3);
    assert_eq!(scene.metric("leases_lost_total"), 1.0);
    assert_eq!(logs.count("lease lost"), 1);
    assert!(scene.entries(EXTEND).iter().all(|entry| entry["VisibilityTimeout"] == 2), "another one may have it");
}

#[tokio::test]
async fn a_lease_that_no_extension_reaches_is_lost_once_it_has_run_out() {
    let (scene, logs) = (Scene::start().await, Logs::capture());
    scene.queues.send("orders", "cut off").await;
    scene.fail_all(EXTEND, Fault::Error(500, "InternalFailure"));
    let gate = Gate::shut();
    let held = gate.clone();
    let consumer = scene.consume(two_seconds(), move |delivery| {
        if delivery.attempt > 1 {
            return held.done();
        }
        delivery.lease.lost().map(|()| Verdict::Retry { reason: "lost".into(), after: None }).boxed()
    });
    consumer.delivered(2).await;
    eventually("the lease is lost", async || (scene.metric("leases_lost_total") > 0.0).then_some(())).await;
    scene.proxy.heal();
    gate.open();
    let seen = scene.end(consumer).await;
    assert_eq!(seen.attempts("cut off")[..2], [1, 2]);
    assert!(logs.count("lease lost") > 0);
}
