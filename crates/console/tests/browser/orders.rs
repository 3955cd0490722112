//! Placing and cancelling, by mouse and by keyboard.

use fantoccini::key::Key;
use testbed::eventually;

use crate::browser::Browser;
use crate::scene::{Scene, button, order};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn an_order_that_is_placed_is_shown_with_its_status_and_its_story() {
    let scene = Scene::start().await;
    scene.place("declined").await;
    scene.browser.sees(&order("DECLINED")).await;
    scene.browser.is_told("is DECLINED after", 1).await;

    scene.browser.click(&format!("{}/th/button", order("DECLINED"))).await;
    scene.browser.sees("//dialog[@open]//li[@data-kind='accepted']").await;
    scene.browser.screenshot("story").await;
    scene.browser.click(&button("Close")).await;
    scene.browser.sees_no("//dialog[@open]").await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn an_order_is_cancelled_in_its_row() {
    let scene = Scene::start().await;
    scene.place("slow").await;
    scene.browser.click(&format!("{}{}", order("PENDING"), button("Cancel"))).await;
    scene.browser.is_told("is CANCELL", 1).await;
    // Refunded or never charged, whichever message came first.
    let ended = "[contains(.,'REFUNDED') or contains(.,'CANCELLED')]";
    scene.browser.sees(&format!("{}{ended}", order("42.91"))).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn a_thousand_orders_are_placed_and_paid_while_the_page_shows_them() {
    let scene = Scene::start().await;
    scene.browser.screenshot("start").await;
    scene.browser.click(&button("Place 1,000 orders")).await;
    scene.browser.is_told("1,000 orders are being placed", 1).await;
    scene.browser.is_told("1,000 orders are placed", 1).await;
    scene.browser.screenshot("load").await;
    scene.orders_become("PAID", 1000).await;
    scene.browser.sees(&order("PAID")).await;
    scene.browser.sees_no(&order("PENDING")).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn the_keyboard_alone_places_an_order_and_opens_it() {
    let scene = Scene::start().await;
    tab_to(&scene, "Place order").await;
    scene.browser.press(Key::Enter).await;
    scene.browser.sees(&order("PAID")).await;
    tab_to(&scene, "…").await;
    scene.browser.press(Key::Enter).await;
    scene.browser.sees("//dialog[@open]").await;
    scene.browser.press(Key::Escape).await;
    scene.browser.sees_no("//dialog[@open]").await;
    assert!(focused(&scene).await.starts_with('…'), "the focus is where it was");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn messages_are_seen_moving_but_not_by_whom_motion_makes_ill() {
    let scene = Scene::start().await;
    let browser = &scene.browser;
    // A dot is there for less than a second: they are counted as they come.
    browser
        .run(
            "window.dots = 0;
             const dots = (nodes) => [...nodes].filter((node) => node.classList?.contains('dot')).length;
             new MutationObserver((changes) => changes.forEach(({ addedNodes }) => (window.dots += dots(addedNodes))))
               .observe(document.getElementById('ways'), { childList: true });",
        )
        .await;
    scene.place("paid").await;
    eventually("dots", async || (browser.run("return window.dots").await.as_u64()? > 0).then_some(())).await;
    browser.sees(&order("PAID")).await;

    browser.wants_no_motion().await;
    eventually("nothing is on its way", async || (moving(browser).await == 0).then_some(())).await;
    browser.run("window.dots = 0").await;
    scene.place("declined").await;
    browser.sees(&order("DECLINED")).await;
    browser.is_told("is DECLINED after", 1).await;
    assert_eq!((browser.run("return window.dots").await, moving(browser).await), (0.into(), 0));
    scene.end().await;
}

async fn moving(browser: &Browser) -> u64 {
    browser.run("return document.getAnimations().length").await.as_u64().unwrap()
}

async fn focused(scene: &Scene) -> String {
    let text = scene.browser.run("return document.activeElement.textContent.trim()").await;
    text.as_str().unwrap().to_owned()
}

/// On to what begins so; a page has no more stops than these.
async fn tab_to(scene: &Scene, name: &str) {
    for _ in 0..40 {
        scene.browser.press(Key::Tab).await;
        if focused(scene).await.starts_with(name) {
            return;
        }
    }
    panic!("the tab key does not lead to {name:?}");
}
