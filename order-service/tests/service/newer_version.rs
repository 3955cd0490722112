//! Beside, or after, a newer version: on its schema, among orders in a status that only it knows.

use order_service::store::MIGRATIONS;
use serde_json::json;
use sqlx::{AnyConnection, Connection};
use testbed::{Databases, Queues, eventually, migrate_further, never};

use crate::events::{declined, once_each, send, succeeded, told};
use crate::{Service, settings};

const FUTURE: &str = "REFUNDED_IN_PART";

/// What the start of a newer version does to the database.
const FURTHER: &str = "ALTER TABLE orders ADD COLUMN note TEXT; CREATE TABLE refunds (order_id TEXT PRIMARY KEY)";

async fn set_status(url: &str, order: &str, status: &str) {
    let mut connection = AnyConnection::connect(url).await.unwrap();
    let update = sqlx::query("UPDATE orders SET status = $1 WHERE order_id = $2").bind(status).bind(order);
    assert_eq!(update.execute(&mut connection).await.unwrap().rows_affected(), 1);
}

#[tokio::test]
async fn a_service_starts_and_works_on_a_schema_that_a_newer_one_has_migrated() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let url = databases.create_url().await;
    let service = Service::with(&queues.sqs, settings(&queues, &url)).await;
    let before = service.place().await;
    service.stop().await;

    migrate_further(&url, &MIGRATIONS, FURTHER).await;
    let service = Service::with(&queues.sqs, settings(&queues, &url)).await;
    let orders = [before, service.place().await];
    assert_eq!(told(&queues, &orders).await, once_each(&orders));
    for order in &orders {
        send(&queues, "payments", &succeeded(order, 4200).to_string(), &[]).await;
        service.wait_for_status(order, "PAID").await;
    }
    service.stop().await;
    queues.expect_all_empty(&["orders", "orders-dlq", "payments", "payments-dlq"]).await;
}

#[tokio::test]
async fn a_status_that_is_not_known_is_passed_on_as_it_is() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let url = databases.create_url().await;
    let service = Service::with(&queues.sqs, settings(&queues, &url)).await;
    let key = "the-second";
    let order = r#"{"userId":"ann","total":42.00}"#;
    let first = service.place_for("ann").await;
    let second = service.post_with_key(key, order).await;
    let orders = [first, second.accepted(), service.place_for("ann").await];
    set_status(&url, &orders[1], FUTURE).await;

    assert_eq!(service.order(&orders[1]).await["status"], FUTURE);
    let page = service.get("/orders?userId=ann").await.json();
    let listed: Vec<_> =
        page["orders"].as_array().unwrap().iter().map(|order| (&order["orderId"], &order["status"])).collect();
    let expected =
        [(2, "PENDING"), (1, FUTURE), (0, "PENDING")].map(|(place, status)| (json!(orders[place]), json!(status)));
    assert_eq!(listed, expected.iter().map(|(id, status)| (id, status)).collect::<Vec<_>>());
    assert_eq!(service.list("status=PENDING").await, [&*orders[2], &orders[0]]);
    service.get(&format!("/orders?status={FUTURE}")).await.problem(400);
    // The first answer was given before anybody knew of that status.
    assert_eq!(service.post_with_key(key, order).await.text, second.text);

    assert_eq!(told(&queues, &orders).await, once_each(&orders));
    service.stop().await;
    queues.expect_all_empty(&["orders", "payments", "payments-dlq"]).await;
}

#[tokio::test]
async fn a_result_of_an_order_in_a_status_that_is_not_known_changes_nothing_and_is_not_lost() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let url = databases.create_url().await;
    let service = Service::with(&queues.sqs, settings(&queues, &url)).await;
    let orders = [service.place().await, service.place().await, service.place().await];
    let [paid, refused, usual] = &orders;
    for order in [paid, refused] {
        set_status(&url, order, FUTURE).await;
    }
    let before = [service.order(paid).await, service.order(refused).await];
    send(&queues, "payments", &succeeded(paid, 4200).to_string(), &[]).await;
    send(&queues, "payments", &declined(refused, 4200).to_string(), &[]).await;
    // That the usual one is paid shows that the others hold up nobody; meanwhile they stay as they are.
    let both_seen = async {
        let received = format!(
            "messaging_client_consumed_messages_total{{messaging_operation_name=\"receive\",messaging_destination_name=\"{}\"}} ",
            queues.name("payments")
        );
        let count = async || {
            let metrics = service.get_admin("/metrics").await.text;
            metrics
                .lines()
                .find_map(|line| line.strip_prefix(&*received)?.parse::<f64>().ok())
                .filter(|count| *count >= 2.0)
        };
        eventually("both results were received", count).await;
        send(&queues, "payments", &succeeded(usual, 4200).to_string(), &[]).await;
        service.wait_for_status(usual, "PAID").await;
    };
    never("the order of a newer version was changed", both_seen, async || {
        [service.order(paid).await, service.order(refused).await] != before
    })
    .await;

    // The newer version brings them back to what is known here.
    for order in [paid, refused] {
        set_status(&url, order, "PENDING").await;
    }
    service.wait_for_status(paid, "PAID").await;
    service.wait_for_status(refused, "DECLINED").await;
    let metrics = service.get_admin("/metrics").await.text;
    let mut retries = metrics.lines().filter(|line| line.contains("outcome=\"retry\""));
    assert!(retries.all(|line| line.ends_with(" 0")), "a receive was used up: {metrics}");
    assert_eq!(told(&queues, &orders).await, once_each(&orders));
    service.stop().await;
    queues.expect_all_empty(&["orders", "orders-dlq", "payments", "payments-dlq"]).await;
}

#[tokio::test]
async fn an_order_in_a_currency_that_is_no_longer_taken_is_still_shown_and_settled() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let url = databases.create_url().await;
    let service = Service::with(&queues.sqs, settings(&queues, &url)).await;
    let orders = [service.place().await];
    let mut connection = AnyConnection::connect(&url).await.unwrap();
    sqlx::query("UPDATE orders SET currency = 'JPY'").execute(&mut connection).await.unwrap();
    assert_eq!(service.order(&orders[0]).await["currency"], "JPY");
    assert_eq!(service.list("").await, orders);
    let mut result = succeeded(&orders[0], 4200);
    result["data"]["currency"] = json!("JPY");
    send(&queues, "payments", &result.to_string(), &[]).await;
    service.wait_for_status(&orders[0], "PAID").await;
    assert_eq!(told(&queues, &orders).await, once_each(&orders));
    service.stop().await;
    queues.expect_all_empty(&["orders", "payments", "payments-dlq"]).await;
}
