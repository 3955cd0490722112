//! `payment-service dlq`, as a person or a script runs it.

use std::process::Output;
use std::time::Duration;

use contracts::OrderCreated;
use serde_json::Value;
use tempfile::TempDir;
use testbed::Queues;

use crate::process::run;
use crate::scene::{created, order};

const TRACE: (&str, &str) = ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");

async fn dlq(queues: &Queues, arguments: &[&str]) -> Output {
    let directory = TempDir::new().unwrap();
    let (orders, payments) = (queues.name("orders"), queues.name("payments"));
    let environment = [
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_ENDPOINT_URL", &*queues.url),
        ("ORDERS_QUEUE", &orders),
        ("PAYMENTS_QUEUE", &payments),
    ];
    run(directory.path(), &[&["dlq"], arguments].concat(), &environment).await
}

async fn list(queues: &Queues) -> Vec<Value> {
    let output = dlq(queues, &["list", "--output", "json"]).await;
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Two orders that the provider refused, and one that was received too often; and that one's body.
async fn dead_letters(queues: &Queues) -> ([OrderCreated; 3], String) {
    let orders = [order(4200), order(4300), order(4400)];
    for order in &orders[..2] {
        let failure = [
            ("failure-type", "provider-refused"),
            ("failure-reason", "the provider answered 400 Bad Request"),
            ("source-message-id", &order.order_id.to_string()),
            ("receive-count", "2"),
            TRACE,
        ];
        queues.send_with("orders-dlq", &created(order), &failure).await;
    }
    let exhausted = created(&orders[2]);
    queues.send_with("orders-dlq", &exhausted, &[TRACE]).await;
    (orders, exhausted)
}

fn id_of(letters: &[Value], order: &OrderCreated) -> String {
    let letter = letters.iter().find(|letter| letter["orderId"] == order.order_id.to_string()).unwrap();
    letter["id"].as_str().unwrap().to_owned()
}

fn printed(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[tokio::test]
async fn a_list_shows_every_dead_letter_and_takes_none_away() {
    let queues = Queues::start().await;
    let (orders, _) = dead_letters(&queues).await;
    for _ in 0..2 {
        let letters = list(&queues).await;
        assert_eq!(letters.len(), 3);
        let refused = letters.iter().find(|letter| letter["orderId"] == orders[0].order_id.to_string()).unwrap();
        assert_eq!(refused["failure"], "provider-refused");
        assert_eq!(refused["reason"], "the provider answered 400 Bad Request");
        assert_eq!(refused["receives"], 2);
        assert_eq!(refused["type"], "order.created.v1");
        let exhausted = letters.iter().find(|letter| letter["orderId"] == orders[2].order_id.to_string()).unwrap();
        assert_eq!(exhausted["failure"], "exhausted");
    }
    let table = printed(&dlq(&queues, &["list"]).await);
    assert!(table.starts_with("ID ") && table.lines().count() == 4, "{table}");
    assert_eq!(printed(&dlq(&queues, &["list", "--queue", "payments"]).await), "no dead letters\n");
    assert_eq!(queues.receive("orders-dlq", Duration::from_secs(1), Duration::ZERO).await.len(), 3);
}

#[tokio::test]
async fn a_dead_letter_is_shown_whole() {
    let queues = Queues::start().await;
    let ([order, ..], _) = dead_letters(&queues).await;
    let id = id_of(&list(&queues).await, &order);
    let text = printed(&dlq(&queues, &["show", &id]).await);
    for part in [&*id, &order.order_id.to_string(), "provider-refused", TRACE.1, "\"amount\": 4200"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let json: Value = serde_json::from_slice(&dlq(&queues, &["show", &id, "--output", "json"]).await.stdout).unwrap();
    assert_eq!(json["body"]["data"]["amount"], 4200);
    assert_eq!(json["attributes"]["traceparent"], TRACE.1);
    let unknown = dlq(&queues, &["show", "no-such-id"]).await;
    assert_eq!(unknown.status.code(), Some(1));
    assert_eq!(list(&queues).await.len(), 3);
}

#[tokio::test]
async fn a_redrive_by_id_or_reason_sends_back_those_and_only_those_as_they_were() {
    let queues = Queues::start().await;
    let (orders, exhausted) = dead_letters(&queues).await;
    let id = id_of(&list(&queues).await, &orders[2]);
    let output = dlq(&queues, &["redrive", "--id", &id, "--output", "json"]).await;
    assert!(output.status.success(), "{output:?}");
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap()["redriven"], 1);
    let back = queues.take("orders").await;
    assert_eq!(back.body, exhausted);
    assert_eq!(back.attributes.into_iter().collect::<Vec<_>>(), [(TRACE.0.to_owned(), TRACE.1.to_owned())]);
    assert_eq!(list(&queues).await.len(), 2);

    let nothing = dlq(&queues, &["redrive", "--reason", "undecodable"]).await;
    assert_eq!(nothing.status.code(), Some(1), "nothing matched");
    let output = dlq(&queues, &["redrive", "--reason", "provider-refused", "--rate", "100"]).await;
    assert!(output.status.success(), "{output:?}");
    for _ in 0..2 {
        let back = queues.take("orders").await;
        assert!(!back.attributes.contains_key("failure-reason"), "{back:?}");
    }
    queues.expect_all_empty(&["orders", "orders-dlq"]).await;
}

#[tokio::test]
async fn a_redrive_of_all_empties_the_dead_letter_queue() {
    let queues = Queues::start().await;
    let bodies: Vec<String> = (0..25).map(|cents| created(&order(4200 + cents))).collect();
    queues.send_all("orders-dlq", &bodies).await;
    let output = dlq(&queues, &["redrive", "--all"]).await;
    assert!(output.status.success(), "{output:?}");
    assert_eq!(printed(&output), format!("25 sent back to {}\n", queues.name("orders")));
    let mut back = 0;
    while back < bodies.len() {
        // Each is received once only: what is given back too often would return to the dead-letter queue.
        for message in queues.receive("orders", Duration::from_secs(5), Duration::from_secs(30)).await {
            queues.delete("orders", &message.receipt_handle).await;
            back += 1;
        }
    }
    queues.expect_all_empty(&["orders", "orders-dlq"]).await;
}

#[tokio::test]
async fn a_purge_must_be_meant() {
    let queues = Queues::start().await;
    dead_letters(&queues).await;
    let asked = dlq(&queues, &["purge"]).await;
    assert_eq!(asked.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&asked.stderr).contains("--yes"), "{asked:?}");
    assert_eq!(list(&queues).await.len(), 3);
    assert!(dlq(&queues, &["purge", "--yes"]).await.status.success());
    queues.expect_empty("orders-dlq").await;
}

#[tokio::test]
async fn a_command_that_says_nothing_of_which_messages_is_refused() {
    let queues = Queues::start().await;
    for arguments in
        [&["redrive"][..], &["redrive", "--all", "--id", "x"], &["redrive", "--all", "--rate", "0"], &["show"]]
    {
        assert_eq!(dlq(&queues, arguments).await.status.code(), Some(2), "{arguments:?}");
    }
}

#[tokio::test]
async fn a_dead_letter_steers_no_terminal_and_turns_no_text() {
    let queues = Queues::start().await;
    let evil = "\u{9b}2J\u{202e}\u{7f}";
    // Its JSON holds the characters as they are, as JSON may; not JSON at all; in every place that a letter has.
    let json = format!(r#"{{"type":"t{evil}","subject":"s{evil}","data":{{"k{evil}":"v{evil}"}}}}"#);
    let failure = format!("f{evil}");
    for body in [json.clone(), format!("no JSON {evil}")] {
        let attributes = [("failure-type", &*failure), ("failure-reason", &failure), ("origin", &failure)];
        queues.send_with("orders-dlq", &body, &attributes).await;
    }
    let steers =
        |c: char| c.is_control() && c != '\n' || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut outputs = vec![dlq(&queues, &["list"]).await, dlq(&queues, &["list", "--output", "json"]).await];
    let letters = list(&queues).await;
    assert_eq!(letters.len(), 2);
    for letter in &letters {
        assert_eq!(letter["reason"], *failure, "to a script it is what it is");
        let id = letter["id"].as_str().unwrap();
        outputs.push(dlq(&queues, &["show", id]).await);
        outputs.push(dlq(&queues, &["show", id, "--output", "json"]).await);
    }
    for output in outputs {
        let text = printed(&output);
        assert!(output.status.success() && !text.contains(steers), "{text:?}");
        assert!(text.contains(r"\u{202e}") || text.contains(r"\u202e"), "what is there is shown: {text}");
    }
}
