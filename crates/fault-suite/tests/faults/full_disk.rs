//! The disk is full: nothing can be stored, so nothing may be promised. Then there is room again.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use fault_suite::{Extent, Load, Outcome, Provider, Scene, judge, patiently};
use tempfile::TempDir;
use tokio::process::Command;

pub(crate) async fn run(extent: Extent) -> Outcome {
    let mut scene = Scene::new(Provider::usual().await).await;
    if scene.on_postgres() {
        return Outcome::Skipped("the databases are not on a disk of the test's".to_owned());
    }
    let Some(disk) = SmallDisk::mount().await else {
        return Outcome::Skipped("no file system can be mounted here".to_owned());
    };
    let database = |name: &str| format!("sqlite://{}/{name}.db", disk.path().display());
    (scene.orders_database, scene.payments_database) = (database("orders"), database("payments"));
    let _order_service = scene.order_service().await;
    let mut worker = scene.worker().await;
    worker.up().await;
    let load = Load::start(&scene, 8, 200);
    patiently("enough orders", async || (scene.accepted() >= 20).then_some(())).await;

    disk.fill();
    let (accepted, refused) = (scene.accepted(), scene.refused());
    patiently("enough orders", async || (scene.refused() >= refused + extent.pick(30, 300)).then_some(())).await;
    println!("full disk: {} accepted, {} refused", scene.accepted() - accepted, scene.refused() - refused);
    disk.grow().await;

    let over = Instant::now();
    let accepted = load.finish().await;
    Outcome::Held(judge(&scene, &accepted, 1, over).await)
}

/// A file system in memory, unmounted at the end.
struct SmallDisk(TempDir);

impl SmallDisk {
    async fn mount() -> Option<Self> {
        let directory = TempDir::new().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(directory.path());
        mount.output().await.ok()?.status.success().then_some(Self(directory))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Leaves no room at all.
    fn fill(&self) {
        let mut ballast = File::create(self.path().join("ballast")).unwrap();
        while ballast.write_all(&[0; 4096]).is_ok() {}
    }

    async fn grow(&self) {
        let status = Command::new("mount").args(["-o", "remount,size=256m"]).arg(self.path()).status().await;
        assert!(status.unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a failing scenario's processes may still be at it.
        let _ = std::process::Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}
