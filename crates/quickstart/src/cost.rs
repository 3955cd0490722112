//! What the queues would cost on AWS: every request has the same price, whether it carries one message or ten.

use std::net::SocketAddr;

pub use console::Price;
use reqwest::Client;

use crate::system::System;

/// What both services have asked of SQS since their start, for so many orders, in a sentence.
pub async fn line(system: &System, orders: usize, price: Price) -> anyhow::Result<String> {
    let requests = requests(system.orders_admin).await? + requests(system.payments_admin).await?;
    let per_order = requests / orders.max(1) as f64;
    let dollars = price.per_million_orders(per_order);
    Ok(format!(
        "  Cost         {requests} requests to SQS for {orders} orders one by one, idle polls, retries and cancellations included: \
         {per_order:.1} per order, ${dollars:.2} per million orders at {price} per million requests. Under load batches are full, and it is a tenth."
    ))
}

async fn requests(admin: SocketAddr) -> anyhow::Result<f64> {
    let metrics = Client::new().get(format!("http://{admin}/metrics")).send().await?.error_for_status()?.text().await?;
    let counts = metrics.lines().filter(|line| line.starts_with("sqs_requests_total{"));
    Ok(counts.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum())
}
