//! Queries of `GET /orders` that cannot be used.

use testbed::{Databases, Queues};

use crate::Service;

#[tokio::test]
async fn a_parameter_that_cannot_be_used_is_refused_by_name() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    service.place().await;
    let (too_long, any) = ("u".repeat(65), "019c1a52-7e3f-7b10-8a43-5b8a0f6c2d11");
    for (query, name) in [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=x", "limit"),
        ("limit=-1", "limit"),
        ("limit=1.0", "limit"),
        ("limit=99999999999999999999", "limit"),
        ("status=x", "status"),
        ("status=paid", "status"),
        ("status=PAID,DECLINED", "status"),
        ("after=x", "after"),
        ("after=%00", "after"),
        (&format!("after={any}x"), "after"),
        (&format!("userId={too_long}"), "userId"),
        ("userId=%00", "userId"),
        ("userId=a%0Ab", "userId"),
        ("user=dev-user", "user"),
        ("userid=dev-user", "userid"),
        ("offset=0", "offset"),
        ("limit=1&page=2", "page"),
        ("limit=1&limit=1", "limit"),
        ("userId=a&status=PAID&userId=b", "userId"),
        ("limit=1&limit=", "limit"),
        ("userId=", "userId"),
        ("userId", "userId"),
        ("status=", "status"),
        ("limit=", "limit"),
        ("after=", "after"),
        ("userId=ann&status=", "status"),
    ] {
        let problem = service.get(&format!("/orders?{query}")).await.problem(400);
        assert!(problem["detail"].as_str().unwrap().contains(name), "{query}: {problem}");
    }
    queues.take("orders").await;
    service.stop().await;
    queues.expect_empty("orders").await;
}

#[tokio::test]
async fn a_query_without_parameters_filters_nothing() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let (first, second) = (service.place_for("ann").await, service.place_for("bob").await);
    for query in ["", "&&"] {
        assert_eq!(service.list(query).await, [&*second, &first], "{query}");
    }
    queues.take("orders").await;
    queues.take("orders").await;
    service.stop().await;
    queues.expect_empty("orders").await;
}
