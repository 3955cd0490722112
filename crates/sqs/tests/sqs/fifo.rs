//! The order of a FIFO queue would not be kept, so nothing is sent to one or received from one.

use std::future::pending;

use sqs::{Consumer, ConsumerError, Delivery, Handler, OutgoingMessage, QueueError, Verdict};

use crate::{Scene, config};

struct Unreachable;

impl Handler for Unreachable {
    async fn handle(&self, _: &Delivery) -> Verdict {
        unreachable!("nothing is received")
    }
}

#[tokio::test]
async fn a_fifo_queue_is_refused_in_one_sentence_before_anything_is_asked_of_it() {
    let scene = Scene::start().await;
    let queue = scene.queue().sibling("orders.fifo");
    let sentence =
        "orders.fifo is a FIFO queue, whose messages would not be handled in order here; use a standard queue";
    let refused = queue.send(&[OutgoingMessage::new("1")]).await.unwrap_err();
    assert!(matches!(refused, QueueError::Fifo { .. }) && !refused.is_outage());
    assert_eq!(refused.to_string(), sentence);
    let ended = Consumer::new(queue, Unreachable, config()).run(pending()).await.unwrap_err();
    assert!(matches!(ended, ConsumerError::Queue(QueueError::Fifo { .. })));
    assert_eq!(ended.to_string(), sentence);
    assert!(scene.proxy.calls().is_empty());
}
