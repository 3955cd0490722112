//! Dead letters: seen as text, sent back, purged after a question.

use sqs::client;

use crate::scene::{Scene, button};

const POISON: &str = "<img src=x onerror='document.title=1'><script>document.title=2</script> no event";
const LETTER: &str = "//section[@id='letters']//li";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn a_dead_letter_is_shown_as_text_sent_back_and_purged_after_a_question() {
    let scene = Scene::start().await;
    let browser = &scene.browser;
    let sqs = client::for_endpoint(&scene.system.queue_url).await;
    let url = sqs.get_queue_url().queue_name("orders").send().await.unwrap().queue_url.unwrap();
    sqs.send_message().queue_url(url).message_body(POISON).send().await.unwrap();

    browser.is_told("A dead letter in orders-dlq", 1).await;
    browser.click(&format!("{LETTER}{}", button("Show"))).await;
    browser.sees("//dialog[@open]//pre").await;
    let body = browser.run("return document.querySelector('dialog[open] pre').textContent").await;
    assert_eq!(body, POISON);
    let made = browser.run("return document.querySelectorAll('img, body script').length").await;
    assert_eq!(made, 0, "a message has become markup");
    browser.click(&button("Close")).await;

    // It is no event the second time either: it comes back, as another message.
    let first = browser.run("return document.querySelector('.letters li').dataset.key").await;
    browser.click(&format!("{LETTER}{}", button("Send back"))).await;
    browser.is_told("is back in its queue", 1).await;
    browser.sees(&format!("{LETTER}[@data-key!={first}]")).await;

    let purge = format!("//section[@aria-labelledby='letters-of-orders']{}", button("Purge"));
    browser.click(&purge).await;
    browser.sees("//dialog[@open][contains(.,'Purge orders-dlq?')]").await;
    browser.click(&button("Keep them")).await;
    browser.sees(LETTER).await;
    browser.click(&purge).await;
    browser.click(&button("Yes, purge")).await;
    browser.is_told("orders-dlq is purged", 1).await;
    browser.sees_no(LETTER).await;
    scene.end().await;
}
