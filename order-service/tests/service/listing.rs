//! `GET /orders`: newest first, page by page.

use serde_json::Value;
use testbed::{Databases, Queues};

use crate::Service;
use crate::events::{declined, once_each, send, succeeded, told};

impl Service {
    /// The page that `query` asks for: the orders' ids, and the query of the next page.
    async fn page(&self, query: &str) -> (Vec<String>, Option<String>) {
        let answer = self.get(&format!("/orders?{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {answer:?}");
        let page = answer.json();
        assert_eq!(page.as_object().unwrap().len(), 2, "orders and next, next even if null: {page}");
        let ids = page["orders"].as_array().unwrap().iter().map(|order| order["orderId"].as_str().unwrap().to_owned());
        let next = match &page["next"] {
            Value::Null => None,
            next => Some(next.as_str().unwrap().to_owned()),
        };
        (ids.collect(), next)
    }

    async fn place_many(&self, user: &str, orders: usize) -> Vec<String> {
        let mut placed = Vec::new();
        for _ in 0..orders {
            placed.push(self.place_for(user).await);
        }
        placed
    }
}

fn newest_first(mut placed: Vec<String>) -> Vec<String> {
    placed.reverse();
    placed
}

#[tokio::test]
async fn orders_are_listed_newest_first_and_each_as_it_is_read_alone() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    assert_eq!(service.page("").await, (vec![], None));
    let placed = service.place_many("ann", 3).await;
    let answer = service.get("/orders").await.json();
    for (listed, id) in answer["orders"].as_array().unwrap().iter().zip(newest_first(placed.clone())) {
        assert_eq!(*listed, service.order(&id).await);
    }
    assert_eq!(service.page("").await, (newest_first(placed.clone()), None));
    assert_eq!(told(&queues, &placed).await, once_each(&placed));
    service.stop().await;
    queues.expect_empty("orders").await;
}

#[tokio::test]
async fn the_pages_show_every_order_once_even_while_new_ones_arrive() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let placed = service.place_many("ann", 10).await;
    let (mut seen, mut late) = (Vec::new(), Vec::new());
    let mut query = "limit=3".to_owned();
    let mut sizes = Vec::new();
    loop {
        let (orders, next) = service.page(&query).await;
        sizes.push(orders.len());
        seen.extend(orders);
        late.push(service.place_for("bob").await);
        let Some(next) = next else { break };
        query = format!("limit=3&after={next}");
    }
    assert_eq!(sizes, [3, 3, 3, 1]);
    assert_eq!(seen, newest_first(placed.clone()), "those that were there at the first page");
    let all = [placed, late].concat();
    assert_eq!(service.page("").await.0, newest_first(all.clone()));
    assert_eq!(told(&queues, &all).await, once_each(&all));
    service.stop().await;
    queues.expect_empty("orders").await;
}

#[tokio::test]
async fn a_page_holds_fifty_orders_unless_asked_for_one_to_two_hundred() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let placed = service.place_many("ann", 51).await;
    let all = newest_first(placed.clone());
    // The cursor is there exactly if there is more.
    for (query, listed, more) in [
        ("", 50, true),
        ("limit=1", 1, true),
        ("limit=50", 50, true),
        ("limit=51", 51, false),
        ("limit=200", 51, false),
    ] {
        let (orders, next) = service.page(query).await;
        assert_eq!((&*orders, next.is_some()), (&all[..listed], more), "{query}");
    }
    let (_, next) = service.page("limit=50").await;
    assert_eq!(service.page(&format!("after={}", next.unwrap())).await, (vec![placed[0].clone()], None));
    assert_eq!(told(&queues, &placed).await, once_each(&placed));
    service.stop().await;
    queues.expect_empty("orders").await;
}

#[tokio::test]
async fn orders_can_be_listed_by_user_by_status_and_by_both() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let (mut ann, mut bob) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        ann.push(service.place_for("ann").await);
        bob.push(service.place_for("bob&co").await);
    }
    for (order, result) in [(&ann[0], succeeded(&ann[0], 4200)), (&bob[0], succeeded(&bob[0], 4200))] {
        send(&queues, "payments", &result.to_string(), &[]).await;
        service.wait_for_status(order, "PAID").await;
    }
    send(&queues, "payments", &declined(&ann[1], 4200).to_string(), &[]).await;
    service.wait_for_status(&ann[1], "DECLINED").await;

    for (query, orders) in [
        ("userId=ann", vec![&ann[2], &ann[1], &ann[0]]),
        ("userId=bob%26co", vec![&bob[2], &bob[1], &bob[0]]),
        ("userId=carol", vec![]),
        ("userId=an", vec![]),
        ("userId=ANN", vec![]),
        ("userId=%25", vec![]),
        ("status=PAID", vec![&bob[0], &ann[0]]),
        ("status=DECLINED", vec![&ann[1]]),
        ("status=PENDING", vec![&bob[2], &ann[2], &bob[1]]),
        ("userId=ann&status=PAID", vec![&ann[0]]),
        ("status=DECLINED&userId=bob%26co", vec![]),
    ] {
        let orders: Vec<String> = orders.into_iter().cloned().collect();
        assert_eq!(service.page(query).await, (orders.clone(), None), "{query}");
        // One by one, the pages of a filter are the filter's alone.
        let (mut walked, mut after) = (Vec::new(), String::new());
        loop {
            let (page, next) = service.page(&format!("{query}&limit=1{after}")).await;
            walked.extend(page);
            let Some(next) = next else { break };
            after = format!("&after={next}");
        }
        assert_eq!(walked, orders, "{query}");
    }
    let all = [ann, bob].concat();
    assert_eq!(told(&queues, &all).await, once_each(&all));
    service.stop().await;
    queues.expect_all_empty(&["orders", "payments", "payments-dlq"]).await;
}
