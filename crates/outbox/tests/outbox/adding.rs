//! Messages that are stored together, by one statement.

use futures::future::join_all;
use sqs::TraceContext;

use crate::OutboxScene;

#[tokio::test]
async fn a_message_that_is_waiting_already_stays_as_it_is() {
    let scene = OutboxScene::start().await;
    let add = |id: usize, body: String| {
        let message = scene.outbox.message(format!("m-{id}"), "a test".to_owned(), body, TraceContext::root());
        scene.outbox.add(message)
    };
    // Each of ten comes twice at once, and once more afterwards.
    let added = join_all((0..20).map(|number| add(number % 10, format!("{} at once", number % 10)))).await;
    added.into_iter().for_each(Result::unwrap);
    add(3, "once more".to_owned()).await.unwrap();
    assert_eq!(scene.rows().await.len(), 10);
    let relay = scene.relay();
    scene.left(0).await;
    relay.stop().await;
    let mut bodies = scene.drain(10).await;
    bodies.sort();
    assert_eq!(bodies, (0..10).map(|id| format!("{id} at once")).collect::<Vec<_>>());
    scene.end().await;
}
