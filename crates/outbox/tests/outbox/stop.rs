//! A relay's time is bounded: by its deadline when it stops, and by nothing that it reads.

use outbox::Outbox;
use sqlx::Connection;
use testbed::{Fault, eventually};

use crate::scene::open;
use crate::{Logs, OutboxScene};

const SEND: &str = "SendMessageBatch";

#[tokio::test]
async fn what_a_relay_could_not_send_by_its_deadline_another_one_sends_at_once() {
    let scene = OutboxScene::start().await;
    scene.fail_all(SEND, Fault::Hang);
    let first = scene.relay();
    scene.add("m", 30).await;
    scene.called(SEND, 1).await;
    first.deadline.cancel();
    first.stop().await;
    assert_eq!(scene.leases().await, [0; 30], "nothing is held any more");
    assert!(scene.rows().await.iter().all(|(_, attempts, _)| *attempts == 0), "nobody's fault");
    scene.proxy.heal();
    let second = scene.relay_of(Outbox::new(open(&scene.url).await, 1000));
    scene.left(0).await;
    second.stop().await;
    assert_eq!(scene.drain(30).await.len(), 30);
    scene.end().await;
}

#[tokio::test]
async fn a_relay_gives_back_only_what_it_still_holds() {
    let scene = OutboxScene::start().await;
    scene.fail_all(SEND, Fault::Hang);
    let first = scene.relay();
    scene.add("m", 2).await;
    scene.called(SEND, 1).await;
    // As if another one had claimed a row after this one's lease.
    scene.execute("UPDATE outbox SET lease_until = 9000000000000000000 WHERE id = 'm-001'").await.unwrap();
    first.deadline.cancel();
    first.stop().await;
    assert_eq!(scene.leases().await, [0, 9_000_000_000_000_000_000]);
    scene.execute("DELETE FROM outbox").await.unwrap();
    scene.end().await;
}

#[tokio::test]
async fn an_outage_is_not_held_against_a_row_that_another_relay_has_claimed_meanwhile() {
    let scene = OutboxScene::start().await;
    scene.fail_all(SEND, Fault::Hang);
    let relay = scene.relay();
    scene.add("m", 2).await;
    scene.called(SEND, 1).await;
    scene.execute("UPDATE outbox SET lease_until = 9000000000000000000 WHERE id = 'm-001'").await.unwrap();
    let held = scene.leases().await[0];
    let given_up = async || (scene.leases().await[0] != held).then_some(());
    eventually("the call was given up, and with it the lease of the row that is still held", given_up).await;
    relay.deadline.cancel();
    relay.stop().await;
    assert_eq!(scene.rows().await, ["m-000", "m-001"].map(|id| (id.to_owned(), 0, None)), "nobody's fault");
    assert_eq!(scene.leases().await[1], 9_000_000_000_000_000_000);
    scene.execute("DELETE FROM outbox").await.unwrap();
    scene.end().await;
}

#[tokio::test]
async fn reads_that_never_return_hold_up_neither_the_sending_nor_the_stop() {
    let (scene, logs) = (OutboxScene::start().await, Logs::capture());
    let database = open(&scene.url).await;
    let relay = scene.relay_of(Outbox::new(database.clone(), 1000));
    scene.called("GetQueueUrl", 1).await;
    if database.engine() == database::Engine::Sqlite {
        // There is no statement that waits there.
        relay.stop().await;
        return scene.end().await;
    }
    let mut held = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let database = database.clone();
        held.spawn(async move { sqlx::query("SELECT pg_sleep(60)").execute(database.reads()).await.map(drop) });
    }
    // They come from another instance, so the relay finds each when it looks for such.
    for number in 0..6 {
        scene.add(&format!("m{number}"), 1).await;
        scene.left(0).await;
    }
    relay.stop().await;
    let waits = logs.count("the outbox cannot be counted");
    assert!(waits < 3, "{waits} of 6 messages waited until a count was given up");
    held.shutdown().await;
    assert_eq!(scene.drain(6).await.len(), 6);
    scene.end().await;
}

#[tokio::test]
async fn a_count_reads_nothing_but_the_index() {
    let scene = OutboxScene::start().await;
    let count = "SELECT COUNT(*) FROM outbox WHERE lease_until < 9223372036854775807";
    let mut connection = sqlx::AnyConnection::connect(&scene.database_url).await.unwrap();
    let plan: Vec<String> = match scene.database.engine() {
        database::Engine::Sqlite => {
            let explained = sqlx::query(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {count}")));
            let rows = explained.fetch_all(&mut connection).await.unwrap();
            rows.iter().map(|row| sqlx::Row::get(row, "detail")).collect()
        }
        database::Engine::Postgres => {
            // A table as small as this one it would rather read whole.
            sqlx::raw_sql("SET enable_seqscan = off").execute(&mut connection).await.unwrap();
            let explained = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("EXPLAIN {count}")));
            explained.fetch_all(&mut connection).await.unwrap()
        }
    };
    // PostgreSQL looks into the table as well where rows have changed since the last vacuum.
    let plan = plan.join("\n");
    assert!(plan.contains("outbox_due") && !plan.contains("Seq Scan"), "{plan}");
    assert!(scene.database.engine() == database::Engine::Postgres || plan.contains("COVERING INDEX"), "{plan}");
}
