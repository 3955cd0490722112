//! The order service's database is away while results arrive: charged is charged, so they wait, at no cost of a receive.
//! SQLite: another process has the write lock. PostgreSQL: the database takes no connections.

use std::time::{Duration, Instant};

use fault_suite::{Extent, Manner, Outcome, Provider, Scene, judge, patiently, place};
use sqlx::{AnyConnection, Connection};

pub(crate) async fn run(extent: Extent) -> Outcome {
    let scene = Scene::new(Provider::deciding(|_| Manner::Answer(Duration::from_secs(1))).await).await;
    let order_service = scene.order_service().await;
    let worker = scene.worker().await;
    let accepted = place(&scene, extent.pick(20, 200)).await;
    let all_sent = async || (order_service.logged("order published") == accepted.len()).then_some(());
    patiently("all orders are told of", all_sent).await;

    let published = worker.logged("result published");
    let away = Duration::from_secs(extent.pick(12, 90));
    if scene.on_postgres() {
        refuse_connections(&scene.orders_database, away).await;
    } else {
        super::databases_held_up::lock(&scene.orders_database, away).await;
    }
    assert!(worker.logged("result published") > published, "no result came meanwhile");
    let row = judge(&scene, &accepted, 1, Instant::now()).await;
    assert_eq!(row.redriven, 0, "dead letters");
    assert_eq!(order_service.most_receives(), 1, "a receive was used up");
    Outcome::Held(row)
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
