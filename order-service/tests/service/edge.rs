//! How many may come in, how often, and from where.

use order_service::Settings;
use order_service::http::edge::EdgeSettings;
use reqwest::Method;
use sqlx::{AnyConnection, Connection};
use testbed::{Databases, Queues, eventually};

use crate::{Service, settings};

/// The edge as these variables set it up.
pub(crate) fn edge(variables: &[(&str, &str)]) -> EdgeSettings {
    Settings::load(variables.iter().copied().collect()).unwrap().edge
}

async fn service(queues: &Queues, databases: &Databases, variables: &[(&str, &str)]) -> Service {
    let mut settings = settings(queues, &databases.create_url().await);
    settings.edge = edge(variables);
    Service::with(&queues.sqs, settings).await
}

#[tokio::test]
async fn a_client_that_sends_too_much_is_told_when_to_come_back() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = service(&queues, &databases, &[("RATE_LIMIT_PER_SECOND", "1"), ("RATE_LIMIT_BURST", "3")]).await;
    let refused = eventually("a request is refused", async || {
        let answer = service.get("/orders").await;
        (answer.status != 200).then_some(answer)
    })
    .await;
    assert_eq!(refused.problem(429)["type"], "urn:problem-type:too-many-requests");
    assert!(refused.header("retry-after").unwrap().parse::<u32>().unwrap() >= 1);
    for _ in 0..10 {
        assert_eq!(service.get("/healthz").await.status, 200, "health checks are never limited");
    }
    service.stop().await;
}

#[tokio::test]
async fn behind_a_proxy_a_client_is_the_address_that_the_proxy_has_seen() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let variables = [("RATE_LIMIT_PER_SECOND", "1"), ("RATE_LIMIT_BURST", "1"), ("RATE_LIMIT_BEHIND_PROXY", "true")];
    let service = service(&queues, &databases, &variables).await;
    let status = async |forwarded_for: &str| {
        let request = service.request(Method::GET, "/orders").header("X-Forwarded-For", forwarded_for);
        request.send().await.unwrap().status().as_u16()
    };
    for client in 1..20 {
        assert_eq!(status(&format!("198.51.100.{client}")).await, 200, "each client has a limit of its own");
    }
    let mut invented = 0..;
    eventually("inventing the first addresses does not help", async || {
        let invented = invented.next()?;
        (status(&format!("203.0.113.{invented}, 192.0.2.1")).await == 429).then_some(())
    })
    .await;
    let mut own = 0..;
    eventually("neither do the many addresses of one IPv6 network", async || {
        let own = own.next()?;
        (status(&format!("2001:db8::{own:x}")).await == 429).then_some(())
    })
    .await;
    assert_eq!(status("2001:db8:0:1::").await, 200, "another network");
    let mut port = 4711..;
    eventually("nor another port of one client", async || {
        let port = port.next()?;
        (status(&format!("203.0.113.7:{port}")).await == 429).then_some(())
    })
    .await;
    assert_eq!(status("203.0.113.8:4711").await, 200, "another client behind the same proxy");
    service.stop().await;
}

#[tokio::test]
async fn orders_beyond_what_the_store_can_take_are_refused_while_reads_and_health_checks_pass() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let url = databases.create_url().await;
    let mut settings = settings(&queues, &url);
    settings.edge = edge(&[("MAX_ORDERS_IN_FLIGHT", "1")]);
    let service = Service::with(&queues.sqs, settings).await;

    // Whoever holds this lock keeps the first order waiting for its commit.
    let mut holder = AnyConnection::connect(&url).await.unwrap();
    let lock = if databases.on_postgres() { "BEGIN; LOCK TABLE orders IN EXCLUSIVE MODE" } else { "BEGIN IMMEDIATE" };
    sqlx::raw_sql(lock).execute(&mut holder).await.unwrap();
    let order = r#"{"userId":"dev-user","total":42.00}"#;
    let waiting = tokio::spawn(service.posting(order).send());
    let refused = eventually("an order is refused", async || {
        let attempt = tokio::time::timeout(std::time::Duration::from_millis(200), service.post(order)).await;
        attempt.ok().filter(|answer| answer.status != 202)
    })
    .await;
    assert_eq!(refused.problem(503)["type"], "urn:problem-type:overloaded");
    assert!(refused.header("retry-after").is_some());
    assert_eq!(service.get("/orders").await.status, 200);
    assert_eq!(service.get("/healthz").await.status, 200);
    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap().status(), 202);
    service.stop().await;
}

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    for path in ["/orders", "/docs/", "/nowhere", "/healthz"] {
        let answer = service.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{path}");
        assert!(answer.header("content-security-policy").is_some(), "{path}");
    }
    assert_eq!(service.get("/orders").await.header("cache-control"), Some("no-store"));
    service.stop().await;
}

#[tokio::test]
async fn other_origins_may_only_call_where_they_are_allowed_to() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let closed = Service::start(&queues, &databases).await;
    let open = service(&queues, &databases, &[("CORS_ALLOWED_ORIGINS", "https://shop.example")]).await;
    let allowed = async |service: &Service, origin: &str| {
        let preflight = service
            .request(Method::OPTIONS, "/orders")
            .header("Origin", origin)
            .header("Access-Control-Request-Method", "POST")
            .header("Access-Control-Request-Headers", "content-type,idempotency-key");
        let answer = preflight.send().await.unwrap();
        answer.headers().get("access-control-allow-origin").map(|origin| origin.to_str().unwrap().to_owned())
    };
    assert_eq!(allowed(&closed, "https://shop.example").await, None);
    assert_eq!(allowed(&open, "https://shop.example").await.as_deref(), Some("https://shop.example"));
    assert_eq!(allowed(&open, "https://evil.example").await, None);
    closed.stop().await;
    open.stop().await;
}

#[test]
fn a_limit_that_would_limit_nothing_is_refused_at_start() {
    let load = |variables: &[(&str, &str)]| Settings::load(variables.iter().copied().collect());
    for half in [("RATE_LIMIT_BURST", "3"), ("RATE_LIMIT_BEHIND_PROXY", "true")] {
        for rate in [&[half][..], &[half, ("RATE_LIMIT_PER_SECOND", "")]] {
            let faults = load(rate).unwrap_err().to_string();
            assert!(faults.starts_with("RATE_LIMIT_PER_SECOND: ") && faults.lines().count() == 1, "{faults}");
        }
    }
    assert!(load(&[("RATE_LIMIT_BEHIND_PROXY", "false"), ("RATE_LIMIT_BURST", "")]).is_ok());
}
