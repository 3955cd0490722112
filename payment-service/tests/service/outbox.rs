//! `payment-service outbox`, as a person or a script runs it.

use std::process::Output;

use database::{Connection, Write};
use serde_json::Value;
use tempfile::TempDir;

use crate::process::run;
use crate::{Scene, Worker};

/// A result that an earlier version has set aside.
struct SetAside {
    id: &'static str,
    body: String,
    reason: &'static str,
}

impl Write for SetAside {
    type Output = ();

    async fn run(set: &[&Self], connection: &mut Connection) -> Result<Vec<()>, sqlx::Error> {
        for SetAside { id, body, reason } in set {
            let insert = "INSERT INTO outbox (id, subject, body, traceparent, attempts, lease_until, fault) VALUES \
                 ($1, 'an order', $2, '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', 1, 9223372036854775807, $3)";
            sqlx::query(insert).bind(*id).bind(body).bind(*reason).execute(connection.any()).await?;
        }
        Ok(vec![(); set.len()])
    }
}

async fn outbox(scene: &Scene, arguments: &[&str]) -> Output {
    let directory = TempDir::new().unwrap();
    let environment = [("DATABASE_URL", &*scene.database_url)];
    run(directory.path(), &[&["outbox"], arguments].concat(), &environment).await
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[tokio::test]
async fn a_result_that_an_earlier_version_set_aside_is_told_after_a_retry() {
    let scene = Scene::set().await;
    let order = scene.place(4200).await;
    let worker = Worker::start(&scene.queues, &scene.database, |_| {}).await;
    let first = scene.results(1).await.remove(0).message.body;
    let reason = "unknown error: <html>\u{1b}[2J\u{202e}";
    scene.books().write(SetAside { id: "earlier", body: first.clone(), reason }).await.unwrap();

    let table = text(&outbox(&scene, &["list"]).await);
    let row = table.lines().nth(1).unwrap();
    assert!(row.starts_with("earlier") && row.contains("payment.succeeded.v1"), "{table}");
    assert!(row.ends_with(r"unknown error: <html>\u{1b}[2J\u{202e}"), "{table}");
    let rows: Value = serde_json::from_slice(&outbox(&scene, &["list", "--output", "json"]).await.stdout).unwrap();
    assert_eq!((&rows[0]["id"], &rows[0]["reason"]), (&"earlier".into(), &reason.into()));
    assert_eq!(rows[0]["body"], *first);

    assert_eq!(outbox(&scene, &["retry", "--id", "another"]).await.status.code(), Some(1));
    assert!(outbox(&scene, &["retry", "--id", "earlier", "--id", "another"]).await.status.success());
    let again = scene.results(1).await.remove(0);
    assert_eq!(again.message.body, first);
    assert_eq!(text(&outbox(&scene, &["list"]).await), "nothing is set aside\n");
    worker.stop().await;
    assert_eq!(scene.row(&order).await.state, "SUCCEEDED");
    scene.at_rest().await;
}

#[tokio::test]
async fn a_result_that_was_dropped_is_gone() {
    let scene = Scene::set().await;
    for id in ["first", "second"] {
        scene.books().write(SetAside { id, body: "{}".into(), reason: "refused" }).await.unwrap();
    }
    let output = outbox(&scene, &["drop", "--id", "first", "--output", "json"]).await;
    assert_eq!(text(&output), "{\"dropped\":1}\n");
    assert_eq!(outbox(&scene, &["drop", "--id", "first"]).await.status.code(), Some(1));
    assert_eq!(text(&outbox(&scene, &["drop", "--id", "second"]).await), "1 dropped\n");
    scene.at_rest().await;
}
