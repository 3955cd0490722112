//! axe, in every way the page can look.

use serde_json::Value;

use crate::browser::Browser;
use crate::scene::{Scene, button, order};

const LOOKS: [(&str, u32, &str); 3] = [("light", 1360, "light"), ("dark", 1360, "dark"), ("narrow", 360, "light")];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium, and axe-core under AXE"]
async fn axe_finds_nothing_in_light_dark_and_narrow() {
    let axe = std::env::var_os("AXE").expect("AXE names the file axe.min.js");
    let axe = std::fs::read_to_string(axe).unwrap();
    let scene = Scene::start().await;
    let browser = &scene.browser;
    for kind in ["paid", "declined", "slow"] {
        scene.place(kind).await;
    }
    browser.sees(&order("PAID")).await;
    scene.switch("Provider").await;
    browser.run(&axe).await;
    for (name, width, scheme) in LOOKS {
        browser.looks(width, scheme).await;
        finds_nothing(browser, name).await;
        browser.click(&format!("{}/th/button", order("PAID"))).await;
        browser.sees("//dialog[@open]//li[@data-kind]").await;
        finds_nothing(browser, &format!("{name}, an order opened")).await;
        browser.click(&button("Close")).await;
        // Of a desktop's window, the scroll bar takes its part.
        let wider = browser
            .run("const { scrollWidth, clientWidth } = document.documentElement; return scrollWidth - clientWidth")
            .await;
        assert!(wider.as_i64().unwrap() <= 0, "{name}: the page scrolls sideways, by {wider}");
        browser.screenshot(name).await;
    }
    scene.end().await;
}

async fn finds_nothing(browser: &Browser, look: &str) {
    let found = browser
        .run_async(
            "const done = arguments[arguments.length - 1];
             axe.run().then(({ violations }) => done(violations.map(({ id, help, nodes }) =>
               ({ id, help, nodes: nodes.map(({ target, failureSummary }) => ({ target, failureSummary })) }))),
               (error) => done([String(error)]));",
        )
        .await;
    assert_eq!(found, Value::Array(vec![]), "{look}");
}
