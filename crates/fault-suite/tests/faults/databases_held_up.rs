//! The databases are held up. SQLite: another process has the write lock. PostgreSQL: its connections break, or the whole
//! server is restarted, over and over.

use std::time::{Duration, Instant};

use fault_suite::{Extent, Load, Outcome, Provider, Scene, judge, moment, patiently};
use sqlx::{AnyConnection, Connection};
use tokio::process::Command;

pub(crate) async fn run(extent: Extent) -> Outcome {
    let scene = Scene::new(Provider::usual().await).await;
    let _order_service = scene.order_service().await;
    let _worker = scene.worker().await;
    let load = Load::start(&scene, 8, 200);
    patiently("enough orders", async || (scene.accepted() >= 20).then_some(())).await;
    let repetitions = if scene.on_postgres() {
        break_postgres(&scene, extent).await
    } else {
        let held = Duration::from_secs(extent.pick(3, 10));
        tokio::join!(lock(&scene.orders_database, held), lock(&scene.payments_database, held));
        1
    };
    let over = Instant::now();
    let accepted = load.finish().await;
    Outcome::Held(judge(&scene, &accepted, repetitions, over).await)
}

pub(crate) async fn lock(database: &str, held: Duration) {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(database).await.unwrap();
    // Under load the lock is not to be had at once.
    sqlx::raw_sql("PRAGMA busy_timeout = 60000; BEGIN IMMEDIATE").execute(&mut connection).await.unwrap();
    tokio::time::sleep(held).await;
    sqlx::raw_sql("ROLLBACK").execute(&mut connection).await.unwrap();
}

async fn break_postgres(scene: &Scene, extent: Extent) -> usize {
    let restart = std::env::var("TEST_POSTGRES_RESTART").ok().filter(|_| extent == Extent::Full);
    let times = match restart {
        Some(_) => 20,
        None => extent.pick(5, 60),
    };
    for _ in 0..times {
        moment(100..1000).await;
        match &restart {
            Some(command) => {
                let status = Command::new("sh").arg("-c").arg(command).status().await.unwrap();
                assert!(status.success(), "TEST_POSTGRES_RESTART: {status}");
            }
            None => terminate_backends(scene).await,
        }
    }
    times
}

async fn terminate_backends(scene: &Scene) {
    let server = std::env::var("TEST_DATABASE_URL").unwrap();
    let mut connection = AnyConnection::connect(&server).await.unwrap();
    for database in [&scene.orders_database, &scene.payments_database] {
        let name = database.rsplit('/').next().unwrap();
        let terminate = "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1";
        sqlx::query(terminate).bind(name).execute(&mut connection).await.unwrap();
    }
}
