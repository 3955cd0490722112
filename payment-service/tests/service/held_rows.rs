//! An instance that is frozen holds a row of the ledger: nobody else is harmed, and that order is charged afterwards.

use sqlx::{AnyConnection, AssertSqlSafe, Connection};
use testbed::{CountingProvider, FaultyProxy, eventually};

use crate::scene::{created, order};
use crate::worker::asking;
use crate::{Scene, Worker};

/// So many receives, of a second each when nothing comes, would use up those that a message has several times over.
const RECEIVES: usize = 30;

#[tokio::test]
async fn a_ledger_row_that_somebody_else_holds_harms_no_other_order_and_not_its_own_for_good() {
    let scene = Scene::set().await;
    if scene.database_url.starts_with("sqlite") {
        return; // No lock on rows.
    }
    let (provider, proxy) = (CountingProvider::start().await, FaultyProxy::start(&scene.queues.url).await);
    let held = order(4200);
    let mut outsider = AnyConnection::connect(&scene.database_url).await.unwrap();
    // Another instance's claim that has not been committed.
    let claim = format!(
        "BEGIN; INSERT INTO payments \
             (order_id, payment_id, amount, currency, state, attempt, lease_until, created_at, updated_at) \
         VALUES ('{}', '{}', 4200, 'USD', 'CHARGING', 1, 0, 0, 0)",
        held.order_id, held.order_id
    );
    sqlx::raw_sql(AssertSqlSafe(claim)).execute(&mut outsider).await.unwrap();
    scene.queues.send("orders", &created(&held)).await;
    let others = scene.place_all(1000..1050).await;
    let worker = Worker::start_through(&proxy.url, &scene.queues, &scene.database, asking(&provider)).await;

    // The others' results come while the row is held.
    let results = scene.results(others.len()).await;
    assert!(results.iter().all(|told| told.event.subject != held.order_id));
    let received = proxy.count("ReceiveMessage");
    eventually("many receives", async || (proxy.count("ReceiveMessage") >= received + RECEIVES).then_some(())).await;
    assert_eq!(scene.queues.reported("orders-dlq").await, 0);

    sqlx::raw_sql("ROLLBACK").execute(&mut outsider).await.unwrap();
    assert_eq!(scene.results(1).await[0].event.subject, held.order_id);
    worker.stop().await;
    for order in others.iter().chain([&held]) {
        assert_eq!(provider.asked(&order.order_id.to_string()), 1);
    }
    scene.at_rest().await;
}
