//! The limit on what may wait for the queue.

use testbed::{Databases, Queues, eventually};

use crate::answer::Answer;
use crate::events::{once_each, told};
use crate::{Service, settings};

const ORDER: &str = r#"{"userId":"dev-user","total":42.00}"#;
const CAP: usize = 3;

async fn capped(queues: &Queues, databases: &Databases) -> Service {
    let mut settings = settings(queues, &databases.create_url().await);
    settings.outbox_cap = CAP;
    Service::with(&queues.sqs, settings).await
}

/// Places orders beside those that wait already until one is refused; returns the accepted ones and the refusal.
async fn fill(service: &Service, waiting: usize) -> (Vec<String>, Answer) {
    let mut accepted = Vec::new();
    loop {
        let answer = service.post(ORDER).await;
        if answer.status != 202 {
            // The service counts once a second what it has; what is just coming in may count twice, or not yet.
            assert!((CAP - 1..=CAP + 1).contains(&(waiting + accepted.len())), "{accepted:?}");
            return (accepted, answer);
        }
        accepted.push(answer.accepted());
    }
}

#[tokio::test]
async fn orders_beyond_the_cap_are_refused_until_the_queue_is_there() {
    let (queues, databases) = (Queues::none_yet().await, Databases::new());
    let service = capped(&queues, &databases).await;
    let (mut accepted, refusal) = fill(&service, 0).await;
    refusal.problem(503);
    let seconds: u32 = refusal.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds));
    let stored: Vec<String> = accepted.iter().rev().cloned().collect();
    assert_eq!(service.list("").await, stored, "nothing of the refused order is stored");

    queues.create().await;
    accepted.push(
        eventually("orders are accepted again", async || {
            let answer = service.post(ORDER).await;
            (answer.status == 202).then(|| answer.accepted())
        })
        .await,
    );
    assert_eq!(told(&queues, &accepted).await, once_each(&accepted));
    service.stop().await;
    queues.expect_empty("orders").await;
}

// It stores nothing, and must not be told that nothing was stored.
#[tokio::test]
async fn an_order_that_was_accepted_is_answered_again_however_full_the_outbox_is() {
    let (queues, databases) = (Queues::none_yet().await, Databases::new());
    let service = capped(&queues, &databases).await;
    let first = service.post_with_key("k-1", ORDER).await;
    let (mut accepted, _) = fill(&service, 1).await;
    let again = service.post_with_key("k-1", ORDER).await;
    assert_eq!((again.status, again.text), (202, first.text.clone()));
    assert_eq!(again.headers["idempotent-replayed"], "true");

    queues.create().await;
    accepted.push(first.accepted());
    assert_eq!(told(&queues, &accepted).await, once_each(&accepted));
    service.stop().await;
    queues.expect_empty("orders").await;
}

#[tokio::test]
async fn an_order_refused_for_the_cap_does_not_use_up_its_key() {
    let (queues, databases) = (Queues::none_yet().await, Databases::new());
    let service = capped(&queues, &databases).await;
    let (mut accepted, _) = fill(&service, 0).await;
    service.post_with_key("k-1", ORDER).await.problem(503);
    // Whoever only reads is served all the same.
    assert_eq!(service.list("").await.len(), accepted.len());

    queues.create().await;
    let answer = eventually("the order is accepted", async || {
        let answer = service.post_with_key("k-1", ORDER).await;
        (answer.status == 202).then_some(answer)
    })
    .await;
    assert_eq!(answer.header("idempotent-replayed"), None);
    accepted.push(answer.accepted());
    assert_eq!(told(&queues, &accepted).await, once_each(&accepted));
    service.stop().await;
    queues.expect_empty("orders").await;
}
