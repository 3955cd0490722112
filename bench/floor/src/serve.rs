//! An order sent, and kept nowhere.

use anyhow::Context;
use aws_sdk_sqs::Client;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::post;
use axum::{Json, Router};
use contracts::{Currency, Event, OrderCreated, OrderEvent};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use uuid::Uuid;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewOrder {
    user_id: String,
    total: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    order_id: Uuid,
    user_id: String,
    total: f64,
    currency: &'static str,
    status: &'static str,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Clone)]
struct Sender {
    sqs: Client,
    queue: String,
}

pub(crate) async fn run(sqs: Client, queue: String, port: u16) -> anyhow::Result<()> {
    let app = Router::new().route("/orders", post(place)).with_state(Sender { sqs, queue });
    let listener = TcpListener::bind(("127.0.0.1", port)).await.with_context(|| format!("cannot listen on {port}"))?;
    println!("ready");
    Ok(axum::serve(listener, app).await?)
}

async fn place(
    State(Sender { sqs, queue }): State<Sender>,
    Json(order): Json<NewOrder>,
) -> Result<(StatusCode, HeaderMap, Json<Order>), StatusCode> {
    let (order_id, now) = (Uuid::now_v7(), Timestamp::now());
    let amount = (order.total * 100.0).round() as i64;
    let payload =
        OrderEvent::Created(OrderCreated { order_id, user_id: order.user_id.clone(), amount, currency: Currency::USD });
    let event = Event::new(Uuid::now_v7(), "/order-service", now, payload);
    let sent = sqs.send_message().queue_url(queue).message_body(event.encode()).send().await;
    sent.map_err(|error| {
        eprintln!("{error:?}");
        StatusCode::SERVICE_UNAVAILABLE
    })?;
    let location = format!("/orders/{order_id}").parse().map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    let placed = Order {
        order_id,
        user_id: order.user_id,
        total: order.total,
        currency: "USD",
        status: "PENDING",
        created_at: now,
        updated_at: now,
    };
    Ok((StatusCode::ACCEPTED, HeaderMap::from_iter([(header::LOCATION, location)]), Json(placed)))
}
