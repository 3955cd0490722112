//! Orders whose fields cannot be used: every fault is named, at its place.

use serde_json::{Value, json};
use testbed::{Databases, Queues};

use crate::Service;

/// The problem's JSON Pointers, each with a detail.
fn pointers(problem: &Value) -> Vec<&str> {
    let faults = problem["errors"].as_array().unwrap();
    for fault in faults {
        assert!(fault["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem}");
        assert_eq!(fault.as_object().unwrap().len(), 2, "{problem}");
    }
    let mut pointers: Vec<&str> = faults.iter().map(|fault| fault["pointer"].as_str().unwrap()).collect();
    pointers.sort_unstable();
    pointers
}

async fn expect_refused(orders: &[(&str, &[&str])]) {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    for (order, faults) in orders {
        let problem = service.post(order).await.problem(422);
        assert_eq!(pointers(&problem), *faults, "{order}: {problem}");
    }
    assert_eq!(service.list("").await, [""; 0]);
    // A service that stops sends first what it has.
    service.stop().await;
    queues.expect_all_empty(&["orders", "orders-dlq"]).await;
}

#[tokio::test]
async fn each_fault_of_an_order_is_named_once() {
    expect_refused(&[
        (r#"{}"#, &["/total", "/userId"]),
        (r#"{"userId":"dev-user"}"#, &["/total"]),
        (r#"{"total":42}"#, &["/userId"]),
        (r#"{"USERID":"dev-user","total":42}"#, &["/USERID", "/userId"]),
        (r#"{"userId":"dev-user","total":42,"coupon":"X"}"#, &["/coupon"]),
        (r#"{"userId":"dev-user","total":42,"a/b~c":1,"":2}"#, &["/", "/a~1b~0c"]),
        (r#"{"userId":"dev-user","total":42,"total":42}"#, &["/total"]),
        (r#"{"userId":"dev-user","user\u0049d":"dev-user","total":42}"#, &["/userId"]),
        (r#"{"userId":7,"total":"42","currency":[],"x":{}}"#, &["/currency", "/total", "/userId", "/x"]),
        (r#"{"userId":"","total":0,"currency":"usd"}"#, &["/currency", "/total", "/userId"]),
        (r#"{"total":-1,"total":1}"#, &["/total", "/total", "/userId"]),
    ])
    .await;
}

#[tokio::test]
async fn what_is_no_object_is_one_fault_of_the_whole_body() {
    expect_refused(&[
        ("[]", &[""]),
        ("null", &[""]),
        ("42.00", &[""]),
        (r#""dev-user""#, &[""]),
        (r#"[{"userId":"dev-user","total":42.00}]"#, &[""]),
    ])
    .await;
}

#[tokio::test]
async fn a_total_that_is_no_payable_number_is_refused() {
    let totals = [
        "0",
        "0.00",
        "-0",
        "-1",
        "-0.01",
        "0.001",
        "42.001",
        "1e-3",
        "1000000.01",
        "1000000.001",
        "1e7",
        "1e400",
        "1e99999999999999999999",
        "1e-99999999999999999999",
        r#""42""#,
        r#""42.00""#,
        "true",
        "false",
        "null",
        "[42]",
        "{}",
    ];
    let orders = totals.map(|total| format!(r#"{{"userId":"dev-user","total":{total}}}"#));
    let table: Vec<(&str, &[&str])> = orders.iter().map(|order| (&**order, &["/total"][..])).collect();
    expect_refused(&table).await;
}

#[tokio::test]
async fn a_user_id_that_is_empty_too_long_or_unprintable_is_refused() {
    let (too_long, long_and_wide) = (format!("\"{}\"", "u".repeat(65)), format!("\"{}\"", "東".repeat(65)));
    let ids = [
        r#""""#,
        &too_long,
        &long_and_wide,
        r#""a\u0000b""#,
        r#""a\nb""#,
        r#""\t""#,
        r#""\u007f""#,
        r#""\u0085""#,
        r#""\ud800""#,
        "7",
        "null",
        "true",
        "[]",
        r#"{"$ne":""}"#,
    ];
    let orders = ids.map(|id| format!(r#"{{"userId":{id},"total":42.00}}"#));
    let table: Vec<(&str, &[&str])> = orders.iter().map(|order| (&**order, &["/userId"][..])).collect();
    expect_refused(&table).await;
}

#[tokio::test]
async fn a_currency_whose_amounts_are_not_hundredths_or_that_is_none_is_refused() {
    let currencies = [
        r#""JPY""#,
        r#""KWD""#,
        r#""ZZZ""#,
        r#""XXX""#,
        r#""HRK""#,
        r#""usd""#,
        r#""US""#,
        r#""USDT""#,
        r#""U$D""#,
        r#""ÄÖ""#,
        r#""""#,
        r#"" USD""#,
        "840",
        "null",
    ];
    let orders = currencies.map(|currency| format!(r#"{{"userId":"dev-user","total":42,"currency":{currency}}}"#));
    let table: Vec<(&str, &[&str])> = orders.iter().map(|order| (&**order, &["/currency"][..])).collect();
    expect_refused(&table).await;
}

#[tokio::test]
async fn a_user_id_has_room_for_64_characters_however_many_bytes_they_are() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    for id in ["u".to_owned(), "u".repeat(64), "東".repeat(64), "🦀".repeat(64), " ".to_owned(), "a%_'\"\\b".to_owned()]
    {
        let order = json!({ "userId": id, "total": 42.0 }).to_string();
        let order_id = service.post(&order).await.accepted();
        assert_eq!(service.order(&order_id).await["userId"], *id);
        let event: Value = serde_json::from_str(&queues.take("orders").await.body).unwrap();
        assert_eq!(event["data"]["userId"], *id);
    }
    service.stop().await;
    queues.expect_empty("orders").await;
}

#[tokio::test]
async fn a_currency_that_is_refused_is_told_why() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    for (currency, why) in [("JPY", "minor unit is a hundredth"), ("ZZZ", "in use"), ("usd", "three capital letters")] {
        let order = json!({ "userId": "dev-user", "total": 42, "currency": currency }).to_string();
        let problem = service.post(&order).await.problem(422);
        assert!(problem["errors"][0]["detail"].as_str().unwrap().contains(why), "{problem}");
    }
    for currency in ["USD", "EUR", "GBP"] {
        let order = json!({ "userId": "dev-user", "total": 42, "currency": currency }).to_string();
        service.post(&order).await.accepted();
        let event: Value = serde_json::from_str(&queues.take("orders").await.body).unwrap();
        assert_eq!(event["data"]["currency"], currency);
    }
    service.stop().await;
    queues.expect_empty("orders").await;
}

#[tokio::test]
async fn of_thousands_of_faults_the_first_twenty_are_told_and_how_many_there_are() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let unknown: Vec<String> = (0..6_000).map(|field| format!(r#""f{field}":0"#)).collect();
    let again = vec![r#""total":42"#; 5_000];
    for (fields, faults) in [(unknown.join(","), 6_000), (again.join(","), 5_000)] {
        let answer = service.post(&format!(r#"{{"userId":"dev-user","total":42,{fields}}}"#)).await;
        let problem = answer.problem(422);
        assert_eq!(problem["errors"].as_array().unwrap().len(), 20);
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(&faults.to_string()) && detail.contains("first 20"), "{detail}");
        assert!(answer.text.len() < 4_096, "{} bytes", answer.text.len());
    }
    service.stop().await;
    queues.expect_empty("orders").await;
}
