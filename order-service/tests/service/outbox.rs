//! `order-service outbox`, as a person or a script runs it beside the service.

use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;
use testbed::{Databases, Fault, FaultyProxy, Queues, eventually};

use crate::events::{once_each, told};
use crate::process::{binary, run};
use crate::sending::counted;
use crate::{Service, settings};

const SEND: &str = "SendMessageBatch";

/// A service whose orders SQS refuses until the proxy is healed.
struct Refused {
    queues: Queues,
    proxy: FaultyProxy,
    service: Service,
    database_url: String,
    directory: TempDir,
    _databases: Databases,
}

impl Refused {
    async fn start() -> Self {
        let (queues, databases) = (Queues::start().await, Databases::new());
        let proxy = FaultyProxy::start(&queues.url).await;
        let refused = |action: &str| action == SEND;
        proxy.fail(
            move |action, _| {
                if refused(action) { Fault::Error(400, "InvalidMessageContents") } else { Fault::None }
            },
        );
        let database_url = databases.create_url().await;
        let sqs = sqs::client::for_endpoint(&proxy.url).await;
        let service = Service::with(&sqs, settings(&queues, &database_url)).await;
        Self { queues, proxy, service, database_url, directory: TempDir::new().unwrap(), _databases: databases }
    }

    async fn outbox(&self, arguments: &[&str]) -> Output {
        let mut command = binary(self.directory.path());
        command.arg("outbox").args(arguments).env("DATABASE_URL", &self.database_url);
        run(command).await
    }

    /// Waits until so many are set aside, and lists them.
    async fn listed(&self, rows: usize) -> Vec<Value> {
        eventually("set aside", async || {
            let output = self.outbox(&["list", "--output", "json"]).await;
            assert!(output.status.success(), "{output:?}");
            let listed: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
            (listed.len() == rows).then_some(listed)
        })
        .await
    }

    async fn end(self) {
        self.service.stop().await;
        self.queues.expect_all_empty(&["orders", "orders-dlq", "payments", "payments-dlq"]).await;
    }
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn id(row: &Value) -> &str {
    row["id"].as_str().unwrap()
}

#[tokio::test]
async fn what_sqs_refused_is_listed_and_goes_out_once_it_is_told_to() {
    let scene = Refused::start().await;
    assert_eq!(text(&scene.outbox(&["list"]).await), "nothing is set aside\n");
    let mut orders = vec![scene.service.place().await, scene.service.place().await];
    orders.push(scene.service.place_for("to\u{202e}resu").await);
    let rows = scene.listed(3).await;
    let listed: Vec<&str> = rows.iter().map(|row| row["orderId"].as_str().unwrap()).collect();
    assert_eq!(listed, orders, "the oldest first");
    assert_eq!((&rows[0]["type"], &rows[0]["attempts"]), (&"order.created.v1".into(), &1.into()));
    assert!(rows[0]["reason"].as_str().unwrap().contains("InvalidMessageContents: injected"));
    assert!(rows[2]["body"].as_str().unwrap().contains("to\u{202e}resu"), "the body whole");
    let printed = text(&scene.outbox(&["list", "--output", "json"]).await);
    assert!(!printed.contains('\u{202e}') && printed.contains(r"to\u202eresu"), "{printed}");
    let table = text(&scene.outbox(&["list"]).await);
    assert!(table.starts_with("ID ") && table.lines().count() == 4, "{table}");
    assert_eq!(counted(&scene.service, "outbox_set_aside_total").await, 3);

    scene.proxy.heal();
    let output = scene.outbox(&["retry", "--id", id(&rows[1]), "--output", "json"]).await;
    assert!(output.status.success(), "{output:?}");
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap()["retried"], 1);
    assert_eq!(told(&scene.queues, &orders[1..2]).await, once_each(&orders[1..2]));
    let output = scene.outbox(&["retry", "--all"]).await;
    assert_eq!((output.status.code(), &*text(&output)), (Some(0), "2 to be sent again\n"));
    let others = [orders[0].clone(), orders[2].clone()];
    assert_eq!(told(&scene.queues, &others).await, once_each(&others));
    scene.end().await;
}

#[tokio::test]
async fn what_was_dropped_is_never_sent() {
    let scene = Refused::start().await;
    scene.service.place().await;
    let kept = scene.service.place().await;
    let rows = scene.listed(2).await;
    scene.proxy.heal();
    let output = scene.outbox(&["drop", "--id", id(&rows[0])]).await;
    assert_eq!((output.status.code(), &*text(&output)), (Some(0), "1 dropped\n"));
    for command in ["drop", "retry"] {
        let output = scene.outbox(&[command, "--id", id(&rows[0])]).await;
        assert_eq!(output.status.code(), Some(1), "nothing matched: {output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(id(&rows[0])), "{output:?}");
    }
    assert!(scene.outbox(&["retry", "--all"]).await.status.success());
    assert_eq!(told(&scene.queues, std::slice::from_ref(&kept)).await, once_each(std::slice::from_ref(&kept)));
    assert_eq!(scene.outbox(&["retry", "--all"]).await.status.code(), Some(0), "as with dlq redrive");
    scene.end().await;
}

#[tokio::test]
async fn a_command_that_says_nothing_of_which_rows_is_refused() {
    let directory = TempDir::new().unwrap();
    for arguments in [&["retry"][..], &["retry", "--all", "--id", "x"], &["drop"], &["drop", "--all"], &[]] {
        let mut command = binary(directory.path());
        command.arg("outbox").args(arguments);
        assert_eq!(run(command).await.status.code(), Some(2), "{arguments:?}");
    }
    assert!(directory.path().read_dir().unwrap().next().is_none());
}
