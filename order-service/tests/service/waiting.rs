//! `Prefer: wait=N`: an order that is answered once it has come to an end.

use std::time::Duration;

use futures::future::join_all;
use order_service::Part;
use reqwest::Method;
use testbed::{Databases, Queues};
use tokio::time::timeout;

use crate::answer::Answer;
use crate::events::{declined, send, succeeded};
use crate::{Service, settings};

/// What `waiting` comes to, long before the 30 s are over after which it would be answered anyway.
pub(crate) async fn woken<T>(waiting: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(25), waiting).await.expect("who waits is not answered when the order ends")
}

async fn get(service: &Service, order: &str, prefer: &str) -> Answer {
    Answer::to(service.request(Method::GET, &format!("/orders/{order}")).header("Prefer", prefer)).await
}

async fn empty(queues: &Queues) {
    while queues.reported("orders").await > 0 {
        queues.take("orders").await;
    }
    queues.expect_all_empty(&["orders", "orders-dlq", "payments", "payments-dlq"]).await;
}

#[tokio::test]
async fn a_request_that_waits_is_answered_when_the_result_has_come() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let (paid, refused) = (service.place().await, service.place().await);
    let results = async {
        // By then both are waited for, or have been: either way nobody may miss the end.
        assert_eq!(get(&service, &paid, "wait=1").await.json()["status"], "PENDING");
        send(&queues, "payments", &succeeded(&paid, 4200).to_string(), &[]).await;
        send(&queues, "payments", &declined(&refused, 4200).to_string(), &[]).await;
    };
    let waiting = join_all([&paid, &refused, &paid].map(|order| get(&service, order, "wait=30")));
    let (answers, ()) = tokio::join!(woken(waiting), results);
    let statuses = answers
        .iter()
        .map(|answer| (answer.status, answer.header("preference-applied"), answer.json()["status"].clone()));
    let expected = ["PAID", "DECLINED", "PAID"].map(|status| (200, Some("wait=30"), status.into()));
    assert_eq!(statuses.collect::<Vec<_>>(), expected);
    let again = woken(get(&service, &paid, "wait=30")).await;
    assert_eq!(
        (again.header("preference-applied"), &again.json()["status"]),
        (Some("wait=30"), &"PAID".into()),
        "at once"
    );
    service.stop().await;
    empty(&queues).await;
}

#[tokio::test]
async fn a_result_that_another_instance_takes_is_waited_for_too() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let url = databases.create_url().await;
    let api = Service::part(Part::Api, &queues.sqs, settings(&queues, &url)).await;
    let worker = Service::part(Part::Worker, &queues.sqs, settings(&queues, &url)).await;
    let order = api.place().await;
    let result = async {
        assert_eq!(get(&api, &order, "wait=1").await.json()["status"], "PENDING");
        send(&queues, "payments", &succeeded(&order, 4200).to_string(), &[]).await;
    };
    let (answer, ()) = tokio::join!(woken(get(&api, &order, "wait=30")), result);
    assert_eq!(answer.json()["status"], "PAID");
    worker.stop().await;
    api.stop().await;
    empty(&queues).await;
}

#[tokio::test]
async fn what_is_not_a_wait_of_1_to_30_seconds_is_ignored() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let order = service.place().await;
    for prefer in ["wait=0", "wait=31", "wait=soon", "respond-async", ""] {
        let answer = get(&service, &order, prefer).await;
        assert_eq!((answer.status, answer.header("preference-applied")), (200, None), "{prefer:?}");
    }
    let unknown = woken(get(&service, "0199a1b2-0000-7000-8000-000000000000", "wait=30")).await;
    assert_eq!((unknown.status, unknown.header("preference-applied")), (404, None), "at once");
    service.stop().await;
    empty(&queues).await;
}

#[tokio::test]
async fn a_stop_waits_for_nobody_who_waits() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let mut settings = settings(&queues, &databases.create_url().await);
    // Were the request to wait to its end, the stop would be cut off, and the request with it.
    settings.stopping.timeout = Duration::from_secs(10);
    let service = Service::with(&queues.sqs, settings).await;
    let order = service.place().await;
    let waiting = get(&service, &order, "wait=30");
    let stop = async {
        assert_eq!(get(&service, &order, "wait=1").await.json()["status"], "PENDING");
        service.stop.cancel();
    };
    let (answer, ()) = tokio::join!(waiting, stop);
    assert_eq!((answer.status, &answer.json()["status"]), (200, &"PENDING".into()));
    service.stop().await;
    empty(&queues).await;
}
