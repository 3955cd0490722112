//! Swagger UI and the OpenAPI description.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testbed::{Databases, Queues};

use crate::Service;

/// What follows a `src` or `href` in the page.
fn links(html: &str) -> Vec<String> {
    let after = |attribute: &str| {
        let parts = html.split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
        parts.collect::<Vec<_>>()
    };
    [after("src=\""), after("href=\"")].concat()
}

/// The schema that `schema` is or refers to.
fn resolved<'a>(api: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => api.pointer(reference.strip_prefix('#').unwrap()).unwrap(),
        None => schema,
    }
}

fn names(object: &Value) -> BTreeSet<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

/// Every `$ref` in the document.
fn references(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(members) => {
            let own = members.get("$ref").and_then(Value::as_str);
            own.into_iter().chain(members.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn swagger_ui_comes_whole_out_of_the_binary_and_shows_this_api() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let page = service.get("/docs").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").unwrap().starts_with("text/html"), "{page:?}");
    assert!(page.text.contains("id=\"swagger-ui\""), "{page:?}");
    let mut scripts = String::new();
    let links = links(&page.text);
    assert!(links.iter().any(|link| link.contains("swagger-ui-bundle.js")), "{links:?}");
    for link in links {
        assert!(!link.contains("//"), "from elsewhere: {link}");
        let asset = service.get(page.url.join(&link).unwrap().path()).await;
        assert_eq!(asset.status, 200, "{link}");
        if link.ends_with("initializer.js") {
            scripts.push_str(&asset.text);
        }
    }
    assert!(scripts.contains("\"/openapi.json\""), "{scripts}");
    service.stop().await;
}

#[tokio::test]
async fn what_swagger_ui_does_not_have_is_refused_like_any_other_path() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    for path in ["/docs/nothing.js", "/docs/a/b"] {
        service.get(path).await.problem(404);
    }
    service.stop().await;
}

#[tokio::test]
async fn the_description_has_every_route_and_every_answer() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let api = service.get("/openapi.json").await.json();
    let (live, ready) = (service.get("/healthz").await.json(), service.get("/readyz").await.json());
    service.stop().await;
    assert!(api["openapi"].as_str().unwrap().starts_with("3.1"), "{}", api["openapi"]);
    for reference in references(&api) {
        assert!(api.pointer(reference.strip_prefix('#').unwrap()).is_some(), "{reference}");
    }
    for (method, path, good, bad) in [
        ("post", "/orders", "202", &["400", "413", "415", "422", "503"][..]),
        ("get", "/orders", "200", &["400", "503"]),
        ("get", "/orders/{orderId}", "200", &["404", "503"]),
        ("post", "/orders/{orderId}/cancel", "202", &["400", "404", "409", "413", "415", "422", "503"]),
    ] {
        let operation = &api["paths"][path][method];
        let responses = &operation["responses"];
        assert!(
            operation["summary"].is_string() && responses[good]["content"]["application/json"].is_object(),
            "{path}"
        );
        for status in bad {
            let problem = resolved(&api, &responses[*status]["content"]["application/problem+json"]["schema"]);
            let expected = BTreeSet::from(["type", "title", "status", "detail", "errors"]);
            assert_eq!(names(&problem["properties"]), expected, "{method} {path} {status}");
        }
    }
    for (path, example) in [("/healthz", live), ("/readyz", ready)] {
        let responses = &api["paths"][path]["get"]["responses"];
        for status in ["200", "503"] {
            let answer = resolved(&api, &responses[status]["content"]["application/json"]["schema"]);
            assert_eq!(names(&answer["properties"]), names(&example), "{path} {status}");
        }
    }
    let parameters = |method: &str, path: &str| -> BTreeSet<&str> {
        let parameters = api["paths"][path][method]["parameters"].as_array().unwrap();
        parameters.iter().map(|parameter| parameter["name"].as_str().unwrap()).collect()
    };
    assert_eq!(parameters("get", "/orders"), BTreeSet::from(["userId", "status", "limit", "after"]));
    for parameter in api["paths"]["/orders"]["get"]["parameters"].as_array().unwrap() {
        assert_eq!((&parameter["in"], &parameter["required"]), (&json!("query"), &json!(false)), "{parameter}");
        assert!(parameter["description"].is_string(), "{parameter}");
        let limits = ["pattern", "enum", "maximum"].map(|limit| !parameter["schema"][limit].is_null());
        assert!(limits.contains(&true), "says what is taken: {parameter}");
    }
    assert_eq!(parameters("post", "/orders"), BTreeSet::from(["Idempotency-Key", "traceparent"]));
    assert_eq!(parameters("get", "/orders/{orderId}"), BTreeSet::from(["orderId", "Prefer"]));
    let cancelling = BTreeSet::from(["orderId", "Idempotency-Key", "traceparent"]);
    assert_eq!(parameters("post", "/orders/{orderId}/cancel"), cancelling);
    let body = &api["paths"]["/orders/{orderId}/cancel"]["post"]["requestBody"];
    assert_ne!(body["required"], json!(true), "there need not be a body: {body}");
    let schema = resolved(&api, &body["content"]["application/json"]["schema"]);
    assert_eq!(schema["type"], "object", "and if there is one, it is not null");
    for path in ["/orders", "/orders/{orderId}/cancel"] {
        let parameters = api["paths"][path]["post"]["parameters"].as_array().unwrap();
        let key = parameters.iter().find(|parameter| parameter["name"] == "Idempotency-Key").unwrap();
        assert!(key["schema"]["pattern"].is_string(), "{path}: {key}");
    }
    let headers = names(&api["paths"]["/orders"]["post"]["responses"]["202"]["headers"]);
    assert_eq!(headers, BTreeSet::from(["Location", "Idempotent-Replayed"]));
}

#[tokio::test]
async fn the_description_shows_an_order_that_is_accepted_and_the_answer_it_gets() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let api = service.get("/openapi.json").await.json();
    let place = &api["paths"]["/orders"]["post"];
    let order = resolved(&api, &place["requestBody"]["content"]["application/json"]["schema"]);
    assert_eq!(names(&order["properties"]), BTreeSet::from(["userId", "total", "currency"]));
    assert_eq!(order["required"], json!(["userId", "total"]));
    assert_eq!(order["additionalProperties"], json!(false));
    let user_id = &order["properties"]["userId"];
    assert_eq!((&user_id["minLength"], &user_id["maxLength"]), (&json!(1), &json!(64)));
    assert_eq!(
        (&user_id["pattern"], &user_id["type"]),
        (&json!(r"^[^\u0000-\u001f\u007f-\u009f]*$"), &json!("string"))
    );
    let (total, currency) = (&order["properties"]["total"], &order["properties"]["currency"]);
    assert_eq!((&total["exclusiveMinimum"], &total["maximum"]), (&json!(0), &json!(1_000_000)));
    let currencies = currency["enum"].as_array().unwrap();
    assert!(currencies.contains(&json!("EUR")) && !currencies.contains(&json!("JPY")), "{currency}");
    assert_eq!(order["examples"], json!([{ "userId": "dev-user", "total": 42.0 }]));

    let answer = service.post(&order["examples"][0].to_string()).await;
    assert_eq!(answer.total(), "42.00");
    let accepted = resolved(&api, &place["responses"]["202"]["content"]["application/json"]["schema"]);
    let answered = answer.json();
    assert_eq!(names(&accepted["properties"]), names(&answered));
    let required = accepted["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
    assert_eq!(required.collect::<BTreeSet<_>>(), names(&answered), "none is ever left out");
    let status = resolved(&api, &accepted["properties"]["status"]);
    assert_eq!(status["enum"], json!(["PENDING", "PAID", "DECLINED", "CANCELLING", "CANCELLED", "REFUNDED"]));
    assert_eq!(accepted["properties"]["createdAt"]["format"], "date-time");
    queues.take("orders").await;
    service.stop().await;
    queues.expect_empty("orders").await;
}
