//! The page without its service.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::browser::Browser;
use crate::scene::Scene;

/// A line to somewhere that can be cut.
struct Line(JoinHandle<()>);

impl Line {
    async fn lay(at: SocketAddr, to: SocketAddr) -> Self {
        let listener = testbed::eventually("the port is free", async || TcpListener::bind(at).await.ok()).await;
        Self(tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                connections.spawn(async move {
                    if let Ok(mut far) = TcpStream::connect(to).await {
                        // Either side may hang up.
                        drop(copy_bidirectional(&mut near, &mut far).await);
                    }
                });
            }
        }))
    }

    async fn cut(self) {
        self.0.abort();
        assert!(self.0.await.is_err_and(|error| error.is_cancelled()));
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn the_page_says_that_its_service_is_gone_and_goes_on_by_itself() {
    let scene = Scene::start().await;
    let at = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let line = Line::lay(at, scene.system.console).await;
    let browser = Browser::start().await;
    browser.open(&format!("http://{at}")).await;
    browser.is_told("Connected", 1).await;

    line.cut().await;
    browser.sees("//p[@id='lost'][contains(.,'does not answer')]").await;
    browser.screenshot("lost").await;

    let _line = Line::lay(at, scene.system.console).await;
    browser.is_told("is back", 1).await;
    browser.sees_no("//p[@id='lost']").await;
    browser.close().await;
    scene.end().await;
}
