//! A provider that is down: receiving pauses, and the messages keep their receives.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use payment_service::Settings;
use testbed::{CountingProvider, FaultyProxy, Reply, eventually, never};

use crate::worker::{asking, visibility_timeouts};
use crate::{Scene, Worker};

/// Has the worker ask `provider`, with so many slots that no receive asks for a single message because of them.
fn with_many_slots(provider: &CountingProvider) -> impl FnOnce(&mut Settings) + use<> {
    let asking = asking(provider);
    |settings| {
        asking(settings);
        settings.consumer.concurrency = 200;
    }
}

/// How often a single message was asked for: what an open breaker does to find out whether the provider is back.
fn trials(proxy: &FaultyProxy) -> usize {
    let calls = proxy.calls();
    calls.iter().filter(|(action, body)| action == "ReceiveMessage" && body["MaxNumberOfMessages"] == 1).count()
}

#[tokio::test]
async fn a_provider_that_is_down_stops_the_receiving_instead_of_burning_the_messages() {
    let scene = Scene::set().await;
    let down = Arc::new(AtomicBool::new(true));
    let provider = CountingProvider::deciding({
        let down = down.clone();
        move |_, _| match down.load(Ordering::SeqCst) {
            true => Reply::Answer(503, vec![], String::new()),
            false => Reply::Charge,
        }
    })
    .await;
    let orders = scene.place_all(1000..1030).await;
    let asked = || orders.iter().map(|order| provider.asked(&order.order_id.to_string())).collect::<Vec<_>>();
    let proxy = FaultyProxy::start(&scene.queues.url).await;
    let tweak = with_many_slots(&provider);
    let worker = Worker::start_through(&proxy.url, &scene.queues, &scene.database, tweak).await;

    let burnt = async || asked().into_iter().any(|asked| asked >= 5);
    let two_trials = eventually("two single messages were tried", async || (trials(&proxy) >= 2).then_some(()));
    never("a message has used up its receives", two_trials, burnt).await;
    // Three full batches, one open poll of each of the pollers, the trials: far from one receive per failure.
    assert!(proxy.count("ReceiveMessage") <= 20, "{}", proxy.count("ReceiveMessage"));
    assert!(asked().iter().sum::<usize>() <= 2 * orders.len(), "{:?}", asked());
    assert!(provider.executions().is_empty());

    down.store(false, Ordering::SeqCst);
    assert_eq!(scene.results(orders.len()).await.len(), orders.len());
    worker.stop().await;
    assert_eq!(provider.executions().len(), orders.len());
    scene.at_rest().await;
}

#[tokio::test]
async fn messages_that_do_not_need_the_provider_do_not_wait_for_it_one_by_one() {
    let scene = Scene::set().await;
    let in_an_hour = vec![("retry-after", "3600".to_owned())];
    let provider = CountingProvider::deciding(move |_, _| Reply::Answer(503, in_an_hour.clone(), String::new())).await;
    let proxy = FaultyProxy::start(&scene.queues.url).await;
    let orders = scene.place_all(1000..1012).await;
    let tweak = with_many_slots(&provider);
    let worker = Worker::start_through(&proxy.url, &scene.queues, &scene.database, tweak).await;
    eventually("the breaker tries a single message", async || (trials(&proxy) >= 1).then_some(())).await;

    // Among them is none that could find out whether the provider is back.
    scene.queues.send_all("orders", &vec!["not JSON".to_owned(); 6]).await;
    eventually("all are dead-lettered", async || (scene.queues.reported("orders-dlq").await == 6).then_some(())).await;
    worker.stop().await;
    for _ in 0..6 {
        scene.queues.take("orders-dlq").await;
    }
    for (_, handle) in visibility_timeouts(&proxy).into_iter().filter(|(seconds, _)| *seconds == 3600) {
        scene.queues.delete("orders", &handle).await;
    }
    scene.at_rest_but_for(&orders.iter().collect::<Vec<_>>()).await;
}
