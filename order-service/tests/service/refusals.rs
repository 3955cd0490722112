//! Requests that are refused before their fields are looked at.

use std::io::{Read, Write};
use std::net::TcpStream;

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use testbed::{Databases, Queues};

use crate::Service;
use crate::answer::Answer;

const ORDER: &str = r#"{"userId":"dev-user","total":42.00}"#;
const LIMIT: usize = 64 * 1024;

/// Nothing that was refused has left a trace.
async fn expect_nothing(service: Service, queues: &Queues) {
    assert_eq!(service.list("").await, [""; 0]);
    // A service that stops sends first what it has.
    service.stop().await;
    queues.expect_all_empty(&["orders", "orders-dlq", "payments", "payments-dlq"]).await;
}

/// The order, blown up to a body of that length.
fn padded(length: usize) -> String {
    format!("{ORDER}{}", " ".repeat(length - ORDER.len()))
}

#[tokio::test]
async fn what_is_not_json_is_refused() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let not_utf8 = [br#"{"userId":"dev-"#, &[0xff][..], br#"","total":42.00}"#].concat();
    let utf16: Vec<u8> = ORDER.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let deep = "[".repeat(20_000);
    for body in [
        &b""[..],
        b"userId=dev-user&total=42",
        b"{'userId':'dev-user','total':42.00}",
        br#"{"userId":"dev-user","total":42.00"#,
        br#"{"userId":"dev-user","total":42.00,}"#,
        br#"{"userId":"dev-user","total":42.00} {}"#,
        br#"{"userId":"dev-user","total":042.00}"#,
        br#"{"userId":"dev-user","total":NaN}"#,
        br#"{"userId":"dev-user","total":+42}"#,
        b"{\"userId\":\"dev\nuser\",\"total\":42.00}",
        deep.as_bytes(),
        &not_utf8,
        &utf16,
    ] {
        let request = service.posting("").body(body.to_vec());
        Answer::to(request).await.problem(400);
    }
    expect_nothing(service, &queues).await;
}

#[tokio::test]
async fn a_body_of_another_media_type_is_refused() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let post = || service.request(Method::POST, "/orders").body(ORDER);
    Answer::to(post()).await.problem(415);
    for other in
        ["", "text/plain", "application/xml", "application/x-www-form-urlencoded", "text/json", "json", "\u{e4}"]
    {
        Answer::to(post().header(CONTENT_TYPE, other)).await.problem(415);
    }
    expect_nothing(service, &queues).await;
}

#[tokio::test]
async fn a_body_over_64_kib_is_refused_whether_its_length_is_announced_or_not() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    for length in [LIMIT + 1, 2 * LIMIT, 8 * 1024 * 1024] {
        service.post(&padded(length)).await.problem(413);
    }
    for (length, status) in [(LIMIT, "202"), (LIMIT + 1, "413"), (4 * LIMIT, "413")] {
        let answer = post_chunked(service.url.clone(), padded(length)).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{length} bytes: {answer}");
        assert_eq!(answer.contains("\r\ncontent-type: application/problem+json\r\n"), status == "413", "{answer}");
    }
    service.post(&padded(LIMIT)).await.accepted();

    assert_eq!(service.list("").await.len(), 2, "the two that fit");
    queues.take("orders").await;
    queues.take("orders").await;
    service.stop().await;
    queues.expect_empty("orders").await;
}

/// Posts in chunks, by hand: the client would announce the length.
async fn post_chunked(url: String, body: String) -> String {
    let exchange = move || {
        let mut connection = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
        let header = "POST /orders HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-type: application/json\r\n";
        write!(connection, "{header}transfer-encoding: chunked\r\n\r\n").unwrap();
        let chunks = body.as_bytes().chunks(10_000);
        let sent = chunks.map(|chunk| {
            write!(connection, "{:x}\r\n", chunk.len())?;
            connection.write_all(chunk)?;
            connection.write_all(b"\r\n")
        });
        // Once it is refused, the service need not take the rest.
        let _ = sent.collect::<Result<(), _>>().and_then(|()| connection.write_all(b"0\r\n\r\n"));
        let mut answer = Vec::new();
        let _ = connection.read_to_end(&mut answer);
        String::from_utf8(answer).unwrap()
    };
    tokio::task::spawn_blocking(exchange).await.unwrap()
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there_are_refused() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    for path in ["/", "/order", "/orders/", "/orders/1/2", "/metrics", "/openapi.yaml", "/ORDERS"] {
        service.get(path).await.problem(404);
    }
    let order = "/orders/019c1a52-7e3f-7b10-8a43-5b8a0f6c2d11";
    for (method, path, allowed) in [
        (Method::PUT, "/orders", "GET,HEAD,POST"),
        (Method::DELETE, "/orders", "GET,HEAD,POST"),
        (Method::POST, order, "GET,HEAD"),
        (Method::PATCH, order, "GET,HEAD"),
        (Method::POST, "/openapi.json", "GET,HEAD"),
        (Method::POST, "/healthz", "GET,HEAD"),
        (Method::DELETE, "/readyz", "GET,HEAD"),
    ] {
        let answer = Answer::to(service.request(method.clone(), path)).await;
        answer.problem(405);
        let mut allow: Vec<&str> = answer.header("allow").unwrap().split(',').map(str::trim).collect();
        allow.sort_unstable();
        assert_eq!(allow.join(","), allowed, "{method} {path}");
    }
    expect_nothing(service, &queues).await;
}

#[tokio::test]
async fn an_order_that_is_not_there_is_not_found_whatever_its_id_looks_like() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let too_long = "9".repeat(2_000);
    for id in
        ["019c1a52-7e3f-7b10-8a43-5b8a0f6c2d11", "1", "dev-user", "%00", "%ff", "%22%3Cscript%3E", "..%2f", &too_long]
    {
        let problem = service.get(&format!("/orders/{id}")).await.problem(404);
        assert!(problem["detail"].as_str().unwrap().len() < 200, "{problem}");
    }
    expect_nothing(service, &queues).await;
}
