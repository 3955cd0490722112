//! What the switches take away is seen to be away, and everything goes on when it is given back.

use crate::scene::{Scene, order, place};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn the_queue_is_taken_away_and_given_back() {
    away_and_back("Queue", "orders").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn the_worker_is_killed_and_started_again() {
    away_and_back("Worker", "payment-service").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn the_provider_is_taken_away_and_given_back() {
    away_and_back("Provider", "provider").await;
}

async fn away_and_back(switch: &str, at: &str) {
    let scene = Scene::start().await;
    scene.switch(switch).await;
    // The provider is not asked before there is an order to charge.
    scene.place("paid").await;
    scene.browser.sees(&place(at, "away")).await;
    scene.browser.sees(&order("PENDING")).await;
    scene.browser.screenshot(&format!("without-{}", switch.to_lowercase())).await;

    scene.switch(switch).await;
    scene.browser.sees(&place(at, "up")).await;
    scene.browser.sees(&order("PAID")).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn an_order_is_paid_once_although_each_message_may_come_twice() {
    let scene = Scene::start().await;
    scene.switch("Duplicates").await;
    scene.browser.sees("//button[@role='switch'][@aria-checked='true'][.='Duplicates']").await;
    for _ in 0..5 {
        scene.place("paid").await;
    }
    scene.orders_become("PAID", 5).await;
    scene.browser.sees(&order("PAID")).await;
    scene.end().await;
}
