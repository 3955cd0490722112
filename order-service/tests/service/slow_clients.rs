//! Clients that send slowly hold nothing for ever.

use std::time::Duration;

use testbed::{Databases, Queues};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::Service;

/// Far beyond both limits.
const PATIENCE: Duration = Duration::from_secs(120);

async fn send_and_wait_for_the_end(service: &Service, beginning: &str) -> String {
    let mut connection = TcpStream::connect(service.url.strip_prefix("http://").unwrap()).await.unwrap();
    connection.write_all(beginning.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let ended = timeout(PATIENCE, connection.read_to_string(&mut answer)).await;
    ended.expect("the connection is held for ever").unwrap();
    answer
}

#[tokio::test]
async fn a_header_that_never_ends_loses_its_connection_and_a_body_that_never_ends_is_refused() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = Service::start(&queues, &databases).await;
    let body = "POST /orders HTTP/1.1\r\nHost: orders\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\
                Connection: close\r\n\r\n{\"userId\":";
    let (header, body) = tokio::join!(
        send_and_wait_for_the_end(&service, "POST /orders HTTP/1.1\r\nHost: orders\r\nX-Slow: "),
        send_and_wait_for_the_end(&service, body),
    );
    assert!(!header.contains("202"), "{header}");
    assert!(body.starts_with("HTTP/1.1 408") && body.contains("body-too-slow"), "{body}");
    assert_eq!(service.list("").await, Vec::<String>::new());
    service.stop().await;
}
