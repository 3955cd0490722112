//! What SQS has refused is set aside, and comes back when a person says so.

use testbed::{Fault, eventually, never};

use crate::{Logs, OutboxScene};

const SEND: &str = "SendMessageBatch";
const REFUSED: Fault = Fault::Error(400, "InvalidMessageContents");

/// A row as earlier versions have set it aside.
const EARLIER: &str = "INSERT INTO outbox (id, subject, body, traceparent, attempts, lease_until, fault) VALUES \
     ('earlier', 'an order', 'earlier', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', 1, \
      9223372036854775807, 'unknown error: no message')";

fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

/// The bodies of so many messages, sorted.
async fn drained(scene: &OutboxScene, messages: usize) -> Vec<String> {
    let mut bodies = scene.drain(messages).await;
    bodies.sort();
    bodies
}

#[tokio::test]
async fn what_sqs_itself_refuses_is_set_aside_alone() {
    let scene = OutboxScene::start().await;
    // A character that XML 1.0 has not.
    scene.add_bodies(vec![("bad".into(), "\u{1}".into())]).await;
    scene.add("good", 3).await;
    let relay = scene.relay();
    scene.left(1).await;
    relay.stop().await;
    let row = scene.rows().await.remove(0);
    assert_eq!((&*row.0, row.1), ("bad", 1));
    assert!(row.2.unwrap().starts_with("InvalidMessageContents"));
    assert_eq!(scene.drain(3).await.len(), 3);
    scene.execute("DELETE FROM outbox").await.unwrap();
    scene.end().await;
}

#[tokio::test]
async fn a_row_that_was_set_aside_goes_out_when_a_person_says_so() {
    let (scene, logs) = (OutboxScene::start().await, Logs::capture());
    scene.fail_all(SEND, REFUSED);
    let relay = scene.relay();
    scene.add("m", 3).await;
    eventually("all are set aside", async || (scene.metric("outbox_set_aside_total") == 3.0).then_some(())).await;
    eventually("all are listed", async || (scene.outbox.set_aside(10).await.unwrap().len() == 3).then_some(())).await;
    assert_eq!(logs.count("`outbox retry --id m-001` sends it again"), 1, "the log names the way back");
    scene.proxy.heal();

    let rows = scene.outbox.set_aside(2).await.unwrap();
    assert_eq!([&*rows[0].id, &*rows[1].id], ["m-000", "m-001"], "the oldest first, no more than asked for");
    assert_eq!((&*rows[0].subject, &*rows[0].body, rows[0].attempts), ("a test", "m-000", 1));
    assert!(rows[0].reason.contains("InvalidMessageContents: injected"));

    assert_eq!(scene.outbox.retry(&ids(&["m-001", "no-such-id"])).await.unwrap(), ["m-001"]);
    scene.left(2).await;
    assert_eq!(drained(&scene, 1).await, ["m-001"]);
    assert_eq!(scene.outbox.retry_all().await.unwrap(), 2);
    scene.left(0).await;
    relay.stop().await;
    assert_eq!(drained(&scene, 2).await, ["m-000", "m-002"]);
    scene.end().await;
}

#[tokio::test]
async fn what_an_earlier_version_has_set_aside_can_be_brought_back() {
    let scene = OutboxScene::start().await;
    scene.execute(EARLIER).await.unwrap();
    assert_eq!(scene.outbox.set_aside(10).await.unwrap()[0].reason, "unknown error: no message");
    assert_eq!(scene.outbox.retry_all().await.unwrap(), 1);
    let relay = scene.relay();
    scene.left(0).await;
    relay.stop().await;
    assert_eq!(drained(&scene, 1).await, ["earlier"]);
    scene.end().await;
}

#[tokio::test]
async fn more_than_a_page_is_brought_back_whole() {
    let scene = OutboxScene::start().await;
    scene.add("m", 205).await;
    scene.execute("UPDATE outbox SET fault = 'refused', lease_until = 9223372036854775807").await.unwrap();
    scene.add("waiting", 1).await;
    assert_eq!(scene.outbox.retry_all().await.unwrap(), 205);
    assert_eq!(scene.outbox.retry_all().await.unwrap(), 0);
    scene.execute("DELETE FROM outbox").await.unwrap();
    scene.end().await;
}

#[tokio::test]
async fn only_what_is_set_aside_can_be_dropped_or_sent_again_by_hand() {
    let scene = OutboxScene::start().await;
    scene.execute(EARLIER).await.unwrap();
    scene.add("waiting", 1).await;
    // As if a relay were just sending it.
    scene.execute("UPDATE outbox SET lease_until = 9000000000000000000 WHERE id = 'waiting-000'").await.unwrap();
    let both = ids(&["earlier", "waiting-000"]);
    assert_eq!(scene.outbox.discard(&both).await.unwrap(), ["earlier"]);
    assert_eq!(scene.outbox.retry(&both).await.unwrap(), Vec::<String>::new());
    assert_eq!(scene.outbox.retry_all().await.unwrap(), 0);
    let relay = scene.relay();
    never("sent", scene.quiet_poll(), async || scene.proxy.count(SEND) > 0).await;
    relay.stop().await;
    assert_eq!(scene.rows().await, [("waiting-000".to_owned(), 0, None)]);
    scene.execute("DELETE FROM outbox").await.unwrap();
    scene.end().await;
}
