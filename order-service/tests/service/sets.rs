//! Orders and results that are written together, by one statement: each is answered as if it had been alone.

use std::collections::BTreeSet;

use contracts::Currency;
use database::Database;
use futures::future::{join, join_all};
use order_service::order::{NewOrder, Order, OrderStatus};
use order_service::store::{MIGRATIONS, OrderStore, PlaceOrder, Placed, Settled, Settlement};
use order_service::total::OrderTotal;
use outbox::Outbox;
use sqlx::{AnyConnection, AssertSqlSafe, Connection};
use sqs::TraceContext;
use testbed::Databases;
use uuid::Uuid;

struct Stores {
    stores: Vec<OrderStore>,
    url: String,
    databases: Databases,
}

impl Stores {
    /// So many instances of the service on one database.
    async fn open(instances: usize) -> Self {
        let databases = Databases::new();
        let url = databases.create_url().await;
        let mut stores = Vec::new();
        for _ in 0..instances {
            let database = Database::open(&url.parse().unwrap(), &MIGRATIONS).await.unwrap();
            stores.push(OrderStore::new(database.clone(), Outbox::new(database, 100_000)));
        }
        Self { stores, url, databases }
    }

    /// How many rows each of these tables has.
    async fn rows(&self) -> [i64; 3] {
        let mut connection = AnyConnection::connect(&self.url).await.unwrap();
        let mut rows = [0; 3];
        for (rows, table) in rows.iter_mut().zip(["orders", "idempotency_keys", "outbox"]) {
            let count = AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
            *rows = sqlx::query_scalar(count).fetch_one(&mut connection).await.unwrap();
        }
        rows
    }
}

fn order(total: &str) -> Order {
    let (user_id, total) = ("dev-user".parse().unwrap(), OrderTotal::parse(total).unwrap());
    Order::accept(NewOrder { user_id, total, currency: Currency::accepted("USD").unwrap() })
}

fn place(order: &Order, key: Option<&str>) -> PlaceOrder {
    PlaceOrder::new(order.clone(), TraceContext::root(), key.map(str::to_owned))
}

#[tokio::test]
async fn of_orders_that_come_together_under_one_key_one_is_made() {
    let stores = Stores::open(2).await;
    let orders: Vec<Order> = (0..200).map(|_| order("42.00")).collect();
    let placed = join_all(orders.iter().enumerate().map(|(number, order)| {
        // Each of ten keys comes twenty times, to two instances, with others between them.
        let key = format!("k-{}", number / 2 % 10);
        let store = &stores.stores[number % 2];
        async move { store.place(place(order, Some(&key))).await.unwrap() }
    }));
    let placed = placed.await;
    let made: BTreeSet<Uuid> = placed
        .iter()
        .filter_map(|placed| if let Placed::Accepted(order) = placed { Some(order.id) } else { None })
        .collect();
    assert_eq!(made.len(), 10);
    for placed in &placed {
        let (Placed::Accepted(order) | Placed::Replayed(order)) = placed else { panic!("{placed:?}") };
        assert!(made.contains(&order.id));
    }
    assert_eq!(stores.rows().await, [10, 10, 10]);
}

#[tokio::test]
async fn orders_with_and_without_a_key_are_all_made_but_those_whose_key_is_taken() {
    let stores = Stores::open(1).await;
    let store = &stores.stores[0];
    assert!(matches!(store.place(place(&order("1.00"), Some("taken"))).await.unwrap(), Placed::Accepted(_)));
    let orders: Vec<Order> = (0..40).map(|_| order("42.00")).collect();
    let keys: Vec<Option<String>> = (0..40)
        .map(|number| match number % 3 {
            0 => None,
            1 => Some(format!("k-{number}")),
            _ => Some(if number == 20 { "taken".to_owned() } else { format!("k-{number}") }),
        })
        .collect();
    let placed = join_all(orders.iter().zip(&keys).map(|(order, key)| store.place(place(order, key.as_deref())))).await;
    for ((placed, order), number) in placed.into_iter().zip(orders).zip(0..) {
        let expected = if number == 20 { Placed::KeyReused } else { Placed::Accepted(order) };
        assert_eq!(placed.unwrap(), expected, "{number}");
    }
    let with_key = keys.iter().flatten().count() as i64;
    assert_eq!(stores.rows().await, [40, with_key, 40]);
}

#[tokio::test]
async fn an_order_that_the_database_refuses_fails_alone() {
    let stores = Stores::open(1).await;
    let store = &stores.stores[0];
    let refused = order("1.00");
    store.place(place(&refused, None)).await.unwrap();
    let orders: Vec<Order> =
        (0..40).map(|number| if number == 17 { refused.clone() } else { order("42.00") }).collect();
    let placed = join_all(orders.iter().map(|order| store.place(place(order, None)))).await;
    for (placed, number) in placed.into_iter().zip(0..) {
        match placed {
            Ok(placed) => assert!(matches!(placed, Placed::Accepted(_)) && number != 17, "{number}: {placed:?}"),
            Err(error) => assert!(number == 17 && !error.is_outage() && !error.is_locked(), "{number}: {error}"),
        }
    }
    assert_eq!(stores.rows().await, [40, 0, 40]);
}

#[tokio::test]
async fn an_order_whose_key_somebody_else_is_just_using_fails_alone() {
    let stores = Stores::open(1).await;
    if !stores.databases.on_postgres() {
        return; // No lock on rows.
    }
    let store = &stores.stores[0];
    let mut outsider = AnyConnection::connect(&stores.url).await.unwrap();
    let hold = "BEGIN; INSERT INTO idempotency_keys VALUES ('k-17', 'another', 0)";
    sqlx::raw_sql(hold).execute(&mut outsider).await.unwrap();
    let orders: Vec<Order> = (0..40).map(|_| order("42.00")).collect();
    let placed = join_all((0..).zip(&orders).map(|(number, order)| {
        let key = format!("k-{number}");
        async move { store.place(place(order, Some(&key))).await }
    }));
    for (placed, number) in placed.await.into_iter().zip(0..) {
        match placed {
            Ok(placed) => assert!(matches!(placed, Placed::Accepted(_)) && number != 17, "{number}: {placed:?}"),
            Err(error) => assert!(number == 17 && error.is_locked(), "{number}: {error}"),
        }
    }
    sqlx::raw_sql("ROLLBACK").execute(&mut outsider).await.unwrap();
    assert!(matches!(store.place(place(&orders[17], Some("k-17"))).await.unwrap(), Placed::Accepted(_)));
    assert_eq!(stores.rows().await, [40, 40, 40]);
}

#[tokio::test]
async fn each_result_of_a_set_does_to_its_order_what_it_would_do_alone() {
    let stores = Stores::open(1).await;
    let store = &stores.stores[0];
    let orders: Vec<Order> = (0..40).map(|_| order("42.00")).collect();
    join_all(orders.iter().map(|order| store.place(place(order, None)))).await.into_iter().for_each(|placed| {
        placed.unwrap();
    });
    let result = |order_id, status, amount| {
        store.settle(Settlement { order_id, status, amount, currency: Currency::accepted("USD").unwrap() })
    };
    let expected = |number: usize| match number % 4 {
        0 => Settled::OtherAmount,
        1 => Settled::Unknown,
        _ => Settled::Now,
    };
    let results = join_all(orders.iter().enumerate().map(|(number, order)| match number % 4 {
        0 => result(order.id, OrderStatus::Paid, 4201),
        1 => result(Uuid::now_v7(), OrderStatus::Paid, 4200),
        2 => result(order.id, OrderStatus::Paid, 4200),
        _ => result(order.id, OrderStatus::Declined, 4200),
    }));
    for (number, settled) in results.await.into_iter().enumerate() {
        assert_eq!(settled.unwrap(), expected(number), "{number}");
    }
    // The same again, in one set with its opposite: each comes twice.
    let (again, opposite) =
        (result(orders[2].id, OrderStatus::Paid, 4200), result(orders[2].id, OrderStatus::Declined, 4200));
    let (again, opposite) = join(again, opposite).await;
    assert_eq!((again.unwrap(), opposite.unwrap()), (Settled::Before, Settled::Otherwise(OrderStatus::Paid)));
    for (number, order) in orders.iter().enumerate() {
        let expected = match number % 4 {
            2 => OrderStatus::Paid,
            3 => OrderStatus::Declined,
            _ => OrderStatus::Pending,
        };
        assert_eq!(store.get(order.id).await.unwrap().unwrap().status, expected, "{number}");
    }
}
