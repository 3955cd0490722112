//! Events through an SQS that fails in the ways that SQS can fail.

use std::sync::atomic::{AtomicUsize, Ordering};

use sqs::client;
use testbed::{Databases, Fault, FaultyProxy, Queues, eventually};

use crate::events::{once_each, told};
use crate::{Service, settings};

const SEND: &str = "SendMessageBatch";

/// A service that reaches its queues through a proxy.
pub(crate) async fn start() -> (Queues, FaultyProxy, Service, Databases) {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let proxy = FaultyProxy::start(&queues.url).await;
    let sqs = client::for_endpoint(&proxy.url).await;
    let service = Service::with(&sqs, settings(&queues, &databases.create_url().await)).await;
    (queues, proxy, service, databases)
}

/// The first `times` sends meet `fault`.
fn fail_sends(proxy: &FaultyProxy, times: usize, fault: Fault) {
    let sends = AtomicUsize::new(0);
    let now = move |action: &str| action == SEND && sends.fetch_add(1, Ordering::SeqCst) < times;
    proxy.fail(move |action, _| if now(action) { fault } else { Fault::None });
}

/// Places twenty orders that the queue does not take yet, so that they are sent together.
async fn place_twenty(service: &Service, proxy: &FaultyProxy) -> Vec<String> {
    proxy.fail(|action, _| if action == SEND { Fault::Error(503, "ServiceUnavailable") } else { Fault::None });
    let mut orders = Vec::new();
    for _ in 0..20 {
        orders.push(service.place().await);
    }
    eventually("sends have failed", async || (proxy.count(SEND) > 0).then_some(())).await;
    orders
}

async fn end(service: Service, queues: &Queues) {
    service.stop().await;
    queues.expect_all_empty(&["orders", "orders-dlq", "payments", "payments-dlq"]).await;
}

#[tokio::test]
async fn the_entries_that_failed_are_sent_again_and_only_those() {
    let (queues, proxy, service, _databases) = start().await;
    let orders = place_twenty(&service, &proxy).await;
    let before = proxy.calls().len();
    fail_sends(&proxy, 4, Fault::HalfFailed { code: "InternalError", sender_fault: false });
    assert_eq!(told(&queues, &orders).await, once_each(&orders));
    let calls = proxy.calls().split_off(before);
    let halved = calls.iter().filter(|(action, _)| action == SEND).take(4);
    let most = halved.map(|(_, request)| request["Entries"].as_array().unwrap().len()).max();
    assert!(most > Some(1), "no batch had a half to lose: {calls:?}");
    end(service, &queues).await;
}

#[tokio::test]
async fn an_endpoint_that_answers_500_gets_every_event_later() {
    let (queues, proxy, service, _databases) = start().await;
    fail_sends(&proxy, 8, Fault::Error(500, "InternalFailure"));
    let mut orders = Vec::new();
    for _ in 0..20 {
        orders.push(service.place().await);
    }
    assert_eq!(told(&queues, &orders).await, once_each(&orders));
    assert!(proxy.count(SEND) > 8);
    end(service, &queues).await;
}

/// A counter's value; zero before it has counted anything.
pub(crate) async fn counted(service: &Service, name: &str) -> usize {
    let metrics = service.get_admin("/metrics").await.text;
    let line = metrics.lines().find(|line| line.starts_with(&format!("{name}{{")));
    line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

/// How many events SQS has taken: of all queues, this service sends to one.
async fn sent(service: &Service) -> usize {
    let metrics = service.get_admin("/metrics").await.text;
    let series = metrics.lines().filter(|line| line.starts_with("messaging_client_sent_messages_total{"));
    series.map(|line| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap()).sum()
}

#[tokio::test]
async fn an_event_whose_answer_was_lost_is_rather_sent_twice_than_not() {
    let (queues, proxy, service, _databases) = start().await;
    let orders = place_twenty(&service, &proxy).await;
    fail_sends(&proxy, 3, Fault::AnswerLost);
    let published = async || (sent(&service).await == orders.len()).then_some(());
    eventually("every event has had an answer", published).await;
    service.stop().await;
    let told = told(&queues, &orders).await;
    assert_eq!(told.keys().collect::<Vec<_>>(), orders.iter().collect::<Vec<_>>());
    assert!(told.values().any(|times| *times > 1), "no answer was lost: {told:?}");
    queues.expect_all_empty(&["orders", "orders-dlq", "payments", "payments-dlq"]).await;
}

#[tokio::test]
async fn an_event_that_sqs_will_never_take_does_not_stop_the_others() {
    let (queues, proxy, service, _databases) = start().await;
    let orders = place_twenty(&service, &proxy).await;
    fail_sends(&proxy, usize::MAX, Fault::HalfFailed { code: "InvalidMessageContents", sender_fault: true });
    let set_aside = eventually("all are sent or set aside", async || {
        let set_aside = counted(&service, "outbox_set_aside_total").await;
        let sent = sent(&service).await;
        (sent + set_aside == orders.len()).then_some(set_aside)
    })
    .await;
    assert!((1..=orders.len() / 2).contains(&set_aside), "{set_aside}");
    proxy.heal();
    let last = service.place().await;
    let told = told(&queues, std::slice::from_ref(&last)).await;
    assert_eq!(told.len(), orders.len() - set_aside + 1, "those that were set aside stay so");
    assert!(told.values().all(|times| *times == 1), "{told:?}");
    end(service, &queues).await;
}

#[tokio::test]
async fn an_endpoint_that_never_answers_is_given_up_and_asked_again() {
    let (queues, proxy, service, _databases) = start().await;
    fail_sends(&proxy, 1, Fault::Hang);
    let orders = [service.place().await, service.place().await];
    assert_eq!(told(&queues, &orders).await, once_each(&orders));
    assert!(proxy.count(SEND) > 1);
    end(service, &queues).await;
}
