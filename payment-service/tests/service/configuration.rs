//! What the binary makes of its environment before it opens anything, and its exit codes.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Output;

use tempfile::TempDir;
use testbed::CountingProvider;
use tokio::net::TcpSocket;

use crate::process::run;
use crate::{Scene, Worker};

/// The lines on standard error of a process that refused its configuration and did nothing else.
fn refused(output: Output, directory: &Path) -> Vec<String> {
    assert_eq!(output.status.code(), Some(78), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    assert_eq!(std::fs::read_dir(directory).unwrap().count(), 0, "it has opened nothing");
    String::from_utf8(output.stderr).unwrap().lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn every_bad_variable_is_told_on_a_line_of_its_own_before_anything_is_opened() {
    let directory = TempDir::new().unwrap();
    let bad = [
        ("ADMIN_PORT", "http"),
        ("AWS_ENDPOINT_URL", "localhost:4566"),
        ("AWS_REGION", "us east"),
        ("LOG_FORMAT", "xml"),
        ("ORDERS_QUEUE", "orders.fifo"),
        ("PAYMENT_PROVIDER_URL", "localhost:9000"),
        ("PAYMENTS_QUEUE", "https://sqs.example/payments"),
        ("RETRY_BASE_SECONDS", "0"),
        ("RUST_LOG", "payment_service=loud"),
        ("SHUTDOWN_DELAY_SECONDS", "301"),
        ("SHUTDOWN_TIMEOUT_SECONDS", "never"),
        ("VISIBILITY_TIMEOUT_SECONDS", "43201"),
        ("WORKER_CONCURRENCY", "-1"),
    ];
    // Elsewhere the machine itself may know its region.
    let good = [("AWS_EC2_METADATA_DISABLED", "true"), ("DATABASE_URL", "sqlite://payments.db")];
    let output = run(directory.path(), &[], &[&bad[..], &good[..]].concat()).await;
    let mut lines = refused(output, directory.path());
    lines.sort();
    let mut names: Vec<_> = bad.iter().map(|(name, _)| *name).collect();
    names.sort();
    assert_eq!(lines.len(), names.len(), "{lines:#?}");
    for (line, name) in lines.iter().zip(names) {
        let (variable, allowed) = line.split_once(": ").unwrap();
        assert_eq!(variable, name, "{lines:#?}");
        assert!(allowed.starts_with("must "), "says what is allowed: {line}");
    }
}

#[tokio::test]
async fn a_database_url_that_cannot_be_used_is_refused_without_its_password() {
    let directory = TempDir::new().unwrap();
    let environment = [("AWS_REGION", "us-east-1"), ("DATABASE_URL", "mysql://pay:s3cret@db/payments")];
    let lines = refused(run(directory.path(), &["work"], &environment).await, directory.path());
    assert!(lines.len() == 1 && lines[0].starts_with("DATABASE_URL: must be "), "{lines:?}");
    assert!(!lines[0].contains("s3cret"));
}

#[tokio::test]
async fn a_missing_region_is_a_fault_of_the_configuration() {
    let directory = TempDir::new().unwrap();
    // Elsewhere the machine itself may know its region.
    let unset = [("AWS_EC2_METADATA_DISABLED", "true"), ("DATABASE_URL", "sqlite://payments.db")];
    for environment in [&unset[..], &[&unset[..], &[("AWS_REGION", "")]].concat()] {
        let lines = refused(run(directory.path(), &[], environment).await, directory.path());
        assert!(lines.len() == 1 && lines[0].starts_with("AWS_REGION: "), "{lines:?}");
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error_that_names_its_variable() {
    let scene = Scene::set().await;
    let worker = Worker::start(&scene.queues, &scene.database, |_| {}).await;
    let (directory, port) = (TempDir::new().unwrap(), worker.admin_port.to_string());
    let environment =
        [("AWS_REGION", "us-east-1"), ("DATABASE_URL", "sqlite://payments.db"), ("ADMIN_PORT", port.as_str())];
    let output = run(directory.path(), &[], &environment).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("ADMIN_PORT"));
    worker.stop().await;
    scene.at_rest().await;
}

#[tokio::test]
async fn the_health_check_asks_the_admin_port() {
    let scene = Scene::set().await;
    let worker = Worker::start(&scene.queues, &scene.database, |_| {}).await;
    let directory = TempDir::new().unwrap();
    let healthcheck = async |port: u16| {
        let port = port.to_string();
        run(directory.path(), &["healthcheck"], &[("ADMIN_PORT", &port)]).await
    };
    let well = healthcheck(worker.admin_port).await;
    assert_eq!(well.status.code(), Some(0), "{well:?}");

    // Something answers there, but not that it is live.
    let other = CountingProvider::start().await;
    let unwell = healthcheck(other.address.port()).await;
    assert_eq!(unwell.status.code(), Some(1), "{unwell:?}");
    assert!(!unwell.stderr.is_empty(), "it says why");

    // A port that is taken, but on which nobody listens.
    let deaf = TcpSocket::new_v4().unwrap();
    deaf.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let unwell = healthcheck(deaf.local_addr().unwrap().port()).await;
    assert_eq!(unwell.status.code(), Some(1), "{unwell:?}");
    worker.stop().await;
    scene.at_rest().await;
}

#[tokio::test]
async fn a_dot_env_file_in_the_working_directory_is_read_and_the_environment_goes_before_it() {
    let directory = TempDir::new().unwrap();
    std::fs::write(directory.path().join(".env"), "WORKER_CONCURRENCY=many\nADMIN_PORT=http\n").unwrap();
    let output = run(directory.path(), &["healthcheck"], &[("ADMIN_PORT", "1")]).await;
    assert_eq!(output.status.code(), Some(78), "{output:?}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.lines().count() == 1 && stderr.starts_with("WORKER_CONCURRENCY: "), "{stderr}");
}
