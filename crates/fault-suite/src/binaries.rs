//! The services' binaries, built from what is in the tree now.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tokio::sync::OnceCell;

/// Where the binaries are.
pub struct Binaries {
    /// The order service.
    pub order_service: PathBuf,
    /// The payment service.
    pub payment_service: PathBuf,
}

/// The binaries; the first caller has cargo build them, which is quick if they are fresh.
pub async fn binaries() -> &'static Binaries {
    static BUILT: OnceCell<Binaries> = OnceCell::const_new();
    BUILT.get_or_init(|| async { tokio::task::spawn_blocking(build).await.unwrap() }).await
}

fn build() -> Binaries {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "-p", "order-service", "-p", "payment-service", "--bins"]);
    cargo.arg("--message-format=json").current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    let output = cargo.stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "the services do not build");
    let told = String::from_utf8(output.stdout).unwrap();
    let messages: Vec<Value> = told.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let executable = |name: &str| {
        let built =
            messages.iter().find(|message| message["target"]["name"] == name && message["executable"].is_string());
        PathBuf::from(built.unwrap_or_else(|| panic!("cargo built no {name}"))["executable"].as_str().unwrap())
    };
    Binaries { order_service: executable("order-service"), payment_service: executable("payment-service") }
}
