//! While the queue is out of reach, the outbox keeps everything and asks little.

use testbed::{Fault, eventually, never};

use crate::{Logs, OutboxScene};

const SEND: &str = "SendMessageBatch";
const DENIED: Fault = Fault::Error(403, "AccessDenied");

#[tokio::test]
async fn an_outage_of_the_queue_is_one_line_and_holds_nothing_up_afterwards() {
    let (scene, logs) = (OutboxScene::start().await, Logs::capture());
    scene.fail_all(SEND, DENIED);
    let relay = scene.relay();
    scene.add("m", 300).await;
    // Eight calls under way, then one that finds out whether the outage is over.
    scene.called(SEND, 9).await;
    assert_eq!(scene.rows().await.len(), 300);
    eventually("the rows are counted", async || (scene.metric("outbox_pending") == 300.0).then_some(())).await;
    scene.proxy.heal();
    scene.left(0).await;
    relay.stop().await;
    assert_eq!(logs.count("queue out of reach"), 1);
    assert_eq!(scene.drain(300).await.len(), 300);
    scene.end().await;
}

#[tokio::test]
async fn during_an_outage_one_call_at_a_time_finds_out_whether_it_is_over() {
    let scene = OutboxScene::start().await;
    scene.fail_all(SEND, DENIED);
    scene.add("m", 300).await;
    let relay = scene.relay();
    scene.called(SEND, 8).await;
    eventually("out of reach", async || (!relay.queue.is_reachable()).then_some(())).await;
    scene.fail_all(SEND, Fault::Hang);
    let before = scene.proxy.count(SEND);
    scene.called(SEND, before + 1).await;
    never("more than one at a time", scene.quiet_poll(), async || scene.proxy.count(SEND) > before + 2).await;
    scene.proxy.heal();
    scene.left(0).await;
    relay.stop().await;
    assert_eq!(scene.drain(300).await.len(), 300);
    scene.end().await;
}

#[tokio::test]
async fn the_relay_finds_out_that_the_queue_is_back_although_there_is_nothing_to_send() {
    let scene = OutboxScene::start().await;
    scene.proxy.fail(|_, _| Fault::Error(500, "InternalFailure"));
    let relay = scene.relay();
    scene.called("GetQueueUrl", 1).await;
    assert!(!relay.queue.is_reachable());
    scene.proxy.heal();
    eventually("reachable", async || relay.queue.is_reachable().then_some(())).await;

    scene.fail_all(SEND, DENIED);
    scene.add("m", 1).await;
    eventually("out of reach", async || (!relay.queue.is_reachable()).then_some(())).await;
    // As if another instance had sent it.
    scene.execute("DELETE FROM outbox").await.unwrap();
    scene.proxy.heal();
    eventually("reachable again", async || relay.queue.is_reachable().then_some(())).await;
    relay.stop().await;
    scene.end().await;
}

#[tokio::test]
async fn events_that_have_waited_for_over_a_minute_are_told_of() {
    let (scene, logs) = (OutboxScene::start().await, Logs::capture());
    scene.fail_all(SEND, DENIED);
    let relay = scene.relay();
    // Its id says that it was made in 2022.
    scene.add_bodies(vec![("017f22e2-79b0-7cc3-98c4-dc0c0c07398f".to_owned(), "m".to_owned())]).await;
    let line = ["WARN", "events have waited in the outbox for over a minute", "queue=", "events=", "oldest_s="];
    eventually("it is told of", async || (logs.count_all(&line) > 0).then_some(())).await;
    scene.proxy.heal();
    scene.left(0).await;
    relay.stop().await;
    assert_eq!(scene.drain(1).await, ["m"]);
    scene.end().await;
}
