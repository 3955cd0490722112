//! Many who listen, and one who does not.

use std::time::Duration;

use console::Switches;
use futures::future::join_all;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use crate::scene::World;

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_listeners_get_the_same_state() {
    let world = World::start().await;
    let mut pages = join_all((0..200).map(|_| world.open())).await;
    let all_there = |state: &Value| (state["listeners"] == 200).then(|| state["at"].clone());
    let found = join_all(pages.iter_mut().map(|page| page.until("200 listeners", all_there))).await;
    // Made once: whoever sees a state sees the one that the others see. Slow ones may have missed the first.
    assert!(found.iter().filter(|at| **at == found[0]).count() > 100, "{found:?}");
    drop(pages);
    let mut page = world.open().await;
    page.until("they are gone", |state| (state["listeners"] == 1).then_some(())).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_takes_nothing_is_dropped() {
    let world = World::with(Switches::default(), |settings| settings.stall = Duration::from_secs(1)).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let address = world.console.strip_prefix("http://").unwrap();
    let mut slow = socket.connect(address.parse().unwrap()).await.unwrap();
    let request = format!("GET /events HTTP/1.1\r\nHost: {address}\r\n\r\n");
    slow.write_all(request.as_bytes()).await.unwrap();
    let mut page = world.open().await;
    page.until("both listen", |state| (state["listeners"] == 2).then_some(())).await;
    page.until("the slow one is gone", |state| (state["listeners"] == 1).then_some(())).await;
    // What was sent to it before has an end, be it a hard one.
    let _ = slow.read_to_end(&mut Vec::new()).await;
    world.stop().await;
}
