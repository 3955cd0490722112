//! What `cargo run` would run, built once.

use std::path::PathBuf;
use std::process::Command;

use tokio::sync::OnceCell;

use crate::page::checkout;

/// The binary of `package`.
pub(crate) async fn binary(package: &str) -> PathBuf {
    let quickstart = PathBuf::from(env!("CARGO_BIN_EXE_quickstart"));
    if package == "quickstart" {
        return quickstart;
    }
    static BUILT: OnceCell<()> = OnceCell::const_new();
    BUILT.get_or_init(|| async { tokio::task::spawn_blocking(build).await.unwrap() }).await;
    quickstart.with_file_name(package)
}

fn build() {
    let mut cargo = Command::new(env!("CARGO"));
    // As the fault suite builds them: with the same features, so that nothing is built twice.
    cargo.args(["build", "--quiet", "-p", "order-service", "-p", "payment-service", "--bins"]).current_dir(checkout());
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    assert!(cargo.status().unwrap().success(), "the services do not build");
}
