//! A database is away: everything waits for it, at no cost of a receive. SQLite: another process has the write lock.
//! PostgreSQL: the database takes no connections.

use std::time::{Duration, Instant};

use fault_suite::{Extent, Manner, Outcome, Provider, Scene, judge, moment, patiently, place};
use sqlx::{AnyConnection, Connection};

/// The order service's, while results arrive: charged is charged.
pub(crate) async fn orders(extent: Extent) -> Outcome {
    let scene = Scene::new(Provider::deciding(|_| Manner::Answer(Duration::from_secs(1))).await).await;
    let order_service = scene.order_service().await;
    let worker = scene.worker().await;
    let accepted = place(&scene, extent.pick(20, 200)).await;
    let all_sent = async || (order_service.logged("order published") == accepted.len()).then_some(());
    patiently("all orders are told of", all_sent).await;

    let published = worker.logged("result published");
    take_away(&scene, &scene.orders_database, time_away(extent)).await;
    assert!(worker.logged("result published") > published, "no result came meanwhile");
    let row = judge(&scene, &accepted, 1, Instant::now()).await;
    assert_eq!(row.redriven, 0, "dead letters");
    assert_eq!(order_service.most_receives(), 1, "a receive was used up");
    Outcome::Held(row)
}

/// The payment service's, between charges and their conclusions, and while further orders come.
pub(crate) async fn payments(extent: Extent) -> Outcome {
    let mut scene = Scene::new(Provider::deciding(|_| Manner::Answer(Duration::from_secs(1))).await).await;
    // What is held is extended in time, however slow the machine: a lease that ends costs a receive as well.
    scene.visibility_timeout = 10;
    let _order_service = scene.order_service().await;
    let mut worker = scene.worker().await;
    worker.up().await;
    let orders = extent.pick(20, 200);
    let mut accepted = place(&scene, orders).await;
    let meanwhile = async {
        moment(500..1000).await;
        place(&scene, orders).await
    };
    let (further, ()) = tokio::join!(meanwhile, take_away(&scene, &scene.payments_database, time_away(extent)));
    accepted.extend(further);
    assert!(worker.logged("held, will try again in place until it gets through") > 0, "nothing met the outage");
    let row = judge(&scene, &accepted, 1, Instant::now()).await;
    assert_eq!(row.redriven, 0, "dead letters");
    assert_eq!(worker.most_receives(), 1, "a receive was used up");
    Outcome::Held(row)
}

/// Longer than any write waits for an answer.
fn time_away(extent: Extent) -> Duration {
    Duration::from_secs(extent.pick(12, 90))
}

async fn take_away(scene: &Scene, database: &str, time: Duration) {
    if scene.on_postgres() {
        refuse_connections(database, time).await;
    } else {
        super::databases_held_up::lock(database, time).await;
    }
}

async fn refuse_connections(database: &str, time: Duration) {
    sqlx::any::install_default_drivers();
    let mut server = AnyConnection::connect(&std::env::var("TEST_DATABASE_URL").unwrap()).await.unwrap();
    let name = database.rsplit('/').next().unwrap();
    let take_away = format!(
        "ALTER DATABASE \"{name}\" ALLOW_CONNECTIONS false; \
         SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(take_away)).execute(&mut server).await.unwrap();
    tokio::time::sleep(time).await;
    let give_back = format!("ALTER DATABASE \"{name}\" ALLOW_CONNECTIONS true");
    sqlx::raw_sql(sqlx::AssertSqlSafe(give_back)).execute(&mut server).await.unwrap();
}
