//! Requests with one `Idempotency-Key` that come at once.

use testbed::{Databases, Queues};
use tokio::task::JoinSet;

use crate::Service;
use crate::answer::Answer;
use crate::idempotency::{ORDER, expect_only, expect_replay};

#[tokio::test(flavor = "multi_thread")]
async fn fifty_at_once_make_one_order_and_one_event() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let mut requests = JoinSet::new();
    for _ in 0..50 {
        requests.spawn(Answer::to(service.posting(ORDER).header("Idempotency-Key", "k-1")));
    }
    let answers = requests.join_all().await;
    let (replays, firsts): (Vec<&Answer>, Vec<&Answer>) =
        answers.iter().partition(|answer| answer.header("idempotent-replayed").is_some());
    assert_eq!((firsts.len(), replays.len()), (1, 49));
    replays.into_iter().for_each(|replay| expect_replay(replay, firsts[0]));
    expect_only(&[firsts[0].accepted()], service, &queues).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_different_orders_at_once_under_one_key_one_is_made() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let mut requests = JoinSet::new();
    for cents in 10..30 {
        let order = format!(r#"{{"userId":"dev-user","total":42.{cents}}}"#);
        requests.spawn(Answer::to(service.posting(&order).header("Idempotency-Key", "k-1")));
    }
    let answers = requests.join_all().await;
    let (made, refused): (Vec<&Answer>, Vec<&Answer>) = answers.iter().partition(|answer| answer.status == 202);
    assert_eq!((made.len(), refused.len()), (1, 19));
    for answer in refused {
        answer.problem(422);
    }
    expect_only(&[made[0].accepted()], service, &queues).await;
}
