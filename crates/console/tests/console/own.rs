//! It answers to its own page, under its own names.

use serde_json::Value;

use crate::scene::World;

#[tokio::test(flavor = "multi_thread")]
async fn another_host_another_origin_and_another_site_are_refused_on_every_route() {
    let world = World::start().await;
    let port = world.console.rsplit(':').next().unwrap();
    let foreign = [
        ("host", format!("evil.test:{port}"), 421),
        ("host", format!("127.0.0.1.evil.test:{port}"), 421),
        ("origin", "http://evil.test".to_owned(), 403),
        ("origin", "null".to_owned(), 403),
        ("sec-fetch-site", "cross-site".to_owned(), 403),
        ("sec-fetch-site", "same-site".to_owned(), 403),
    ];
    for (header, value, status) in &foreign {
        for path in ["/", "/app.js", "/events", "/healthz", "/orders/x"] {
            let answer = world.get(path).header(*header, value).send().await.unwrap();
            assert_eq!(answer.status(), *status, "GET {path} with {header}: {value}");
        }
        for path in ["/orders", "/orders/thousand", "/orders/x/cancel", "/dead-letters/q/purge", "/switches/queue"] {
            let answer = world.post(path).header(*header, value).body("{}").send().await.unwrap();
            assert_eq!(answer.status(), *status, "POST {path} with {header}: {value}");
            assert_eq!(answer.headers()["content-type"], "application/problem+json");
            let problem: Value = answer.json().await.unwrap();
            assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
        }
    }
    for (header, value) in [
        ("host", format!("localhost:{port}")),
        ("origin", world.console.clone()),
        ("sec-fetch-site", "same-origin".to_owned()),
        ("sec-fetch-site", "none".to_owned()),
    ] {
        assert_eq!(world.get("/").header(header, value).send().await.unwrap().status(), 200);
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_refusals_included_forbids_what_the_page_does_not_need() {
    let world = World::start().await;
    let json = |body: &str| world.post("/orders").header("content-type", "application/json").body(body.to_owned());
    let problem = "application/problem+json";
    for (request, status, content_type) in [
        (world.get("/"), 200, "text/html; charset=utf-8"),
        (world.get("/app.js"), 200, "text/javascript; charset=utf-8"),
        (world.get("/style.css"), 200, "text/css; charset=utf-8"),
        (world.get("/events"), 200, "text/event-stream"),
        (world.get("/nothing"), 404, problem),
        (world.get("/orders/none"), 404, problem),
        (world.post("/events"), 405, problem),
        (json("{"), 400, problem),
        (json(&" ".repeat(5000)), 413, problem),
        (world.post("/orders").body("kind=paid"), 415, problem),
        (json("{}"), 422, problem),
        (world.get("/").header("host", "evil.test"), 421, problem),
        (world.get("/").header("origin", "http://evil.test"), 403, problem),
    ] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status, "{answer:?}");
        let header = |name| answer.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("content-type"), content_type, "{answer:?}");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("x-frame-options"), "DENY");
        assert_eq!(header("cross-origin-resource-policy"), "same-origin");
        let policy = header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(policy.contains("require-trusted-types-for 'script'"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("data:"), "{policy}");
        assert!(answer.headers().get("access-control-allow-origin").is_none());
    }
    world.stop().await;
}
