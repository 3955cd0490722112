//! Every entry's result counts for itself, and whatever is not certainly sent is sent again.

use std::collections::HashSet;

use futures::future::join_all;
use testbed::{Fault, never};

use crate::OutboxScene;

const SEND: &str = "SendMessageBatch";

#[tokio::test]
async fn entries_that_failed_are_sent_again_and_the_others_are_not() {
    let scene = OutboxScene::start().await;
    scene.add("m", 20).await;
    scene.fail_first(3, SEND, Fault::HalfFailed { code: "InternalError", sender_fault: false });
    let relay = scene.relay();
    scene.left(0).await;
    relay.stop().await;
    let bodies = scene.drain(20).await;
    assert_eq!((bodies.len(), bodies.iter().collect::<HashSet<_>>().len()), (20, 20));
    assert!(scene.entries(SEND).len() > 20, "none had to be sent again");
    scene.end().await;
}

#[tokio::test]
async fn what_sqs_will_never_take_is_set_aside_with_its_reason_and_the_rest_goes_out() {
    let scene = OutboxScene::start().await;
    scene.add("m", 10).await;
    scene.fail_first(1, SEND, Fault::HalfFailed { code: "InvalidMessageContents", sender_fault: true });
    let relay = scene.relay();
    scene.left(5).await;
    let fault = Some("InvalidMessageContents: injected".to_owned());
    let aside: Vec<_> = [1, 3, 5, 7, 9].map(|number| (format!("m-00{number}"), 1, fault.clone())).into();
    assert_eq!(scene.rows().await, aside);
    assert_eq!(scene.metric("outbox_set_aside_total"), 5.0);
    // Neither a sweep nor company brings it up again.
    never("set aside and sent", scene.quiet_poll(), async || scene.proxy.count(SEND) > 1).await;
    assert_eq!(scene.metric("outbox_pending"), 0.0, "what is set aside uses up none of the cap");
    scene.add("next", 1).await;
    scene.left(5).await;
    relay.stop().await;
    assert_eq!(scene.rows().await, aside);
    assert_eq!(scene.drain(6).await.len(), 6);
    scene.execute("DELETE FROM outbox").await.unwrap();
    scene.end().await;
}

#[tokio::test]
async fn a_batch_refused_as_a_whole_is_sent_one_by_one_to_find_who_is_to_blame() {
    let scene = OutboxScene::start().await;
    scene.add("m", 10).await;
    scene.proxy.fail(|action, calls| {
        // Before the first send, the queue's address and attributes are asked for. Then the batch fails, and the fourth
        // alone.
        let refused = action == SEND && (calls == 2 || calls == 6);
        if refused { Fault::Error(400, "InvalidMessageContents") } else { Fault::None }
    });
    let relay = scene.relay();
    scene.left(1).await;
    relay.stop().await;
    let fault = "SendMessageBatch on the queue";
    let rows = scene.rows().await;
    assert_eq!((&*rows[0].0, rows[0].1), ("m-003", 1));
    assert!(rows[0].2.as_ref().unwrap().contains("InvalidMessageContents: injected"), "{fault}");
    assert_eq!(scene.batches(), [10, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
    assert_eq!(scene.drain(9).await.len(), 9);
    scene.execute("DELETE FROM outbox").await.unwrap();
    scene.end().await;
}

#[tokio::test]
async fn messages_whose_answer_was_lost_are_sent_twice_and_never_lost() {
    let scene = OutboxScene::start().await;
    scene.add("m", 10).await;
    scene.fail_first(4, SEND, Fault::AnswerLost);
    let relay = scene.relay();
    scene.left(0).await;
    relay.stop().await;
    let bodies = scene.drain(10).await;
    assert_eq!(bodies.iter().collect::<HashSet<_>>().len(), 10);
    assert_eq!(bodies.len(), 50);
    scene.end().await;
}

#[tokio::test]
async fn what_is_wrong_with_the_queue_is_never_held_against_a_message() {
    let faults = [
        Fault::HangUp,
        Fault::Error(500, "InternalFailure"),
        Fault::Error(400, "RequestThrottled"),
        Fault::Error(403, "AccessDenied"),
        Fault::Error(400, "UnrecognizedClientException"),
        Fault::Error(400, "InvalidSecurity"),
        Fault::Error(400, "InvalidAddress"),
        Fault::Error(400, "KmsDisabled"),
        Fault::Error(400, "KMS.DisabledException"),
        Fault::Error(400, "AWS.SimpleQueueService.NonExistentQueue"),
    ];
    let each = faults.map(|fault| async move {
        let scene = OutboxScene::start().await;
        scene.add("m", 10).await;
        scene.fail_first(4, SEND, fault);
        let relay = scene.relay();
        scene.called(SEND, 4).await;
        assert_eq!(scene.metric("outbox_set_aside_total"), 0.0, "{fault:?}");
        scene.left(0).await;
        relay.stop().await;
        assert_eq!(scene.drain(10).await.len(), 10, "{fault:?}");
        scene.end().await;
    });
    join_all(each).await;
}
