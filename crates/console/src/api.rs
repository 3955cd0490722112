//! The order service's API, as any other client uses it.

use std::time::Duration;

use axum::http::StatusCode;
use reqwest::{Client, RequestBuilder, Response, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::http::Problem;
use crate::kinds::Kind;

/// For an answer of the API.
const ANSWER: Duration = Duration::from_secs(10);
/// Who places the console's orders.
const USER: &str = "console";

/// An order as the API answers it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Order {
    pub(crate) order_id: String,
    pub(crate) user_id: String,
    pub(crate) total: serde_json::Number,
    pub(crate) currency: String,
    pub(crate) status: String,
    pub(crate) created_at: jiff::Timestamp,
    pub(crate) updated_at: jiff::Timestamp,
}

impl Order {
    /// Whether it has come to an end. A status that is not known is one of a newer version: nobody knows.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self.status.as_str(), "PAID" | "DECLINED" | "CANCELLED" | "REFUNDED")
    }

    /// Whether taking it back may do something.
    pub(crate) fn is_cancellable(&self) -> bool {
        matches!(self.status.as_str(), "PENDING" | "PAID")
    }
}

#[derive(Deserialize)]
struct Page {
    orders: Vec<Order>,
}

/// The API; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    http: Client,
    url: String,
}

/// The trace that an order was placed in.
#[derive(Clone, Debug)]
pub(crate) struct Trace(String);

impl Trace {
    fn new() -> Self {
        Self(Uuid::new_v4().simple().to_string())
    }

    pub(crate) fn id(&self) -> &str {
        &self.0
    }

    /// <https://www.w3.org/TR/trace-context/#traceparent-header>
    fn parent(&self) -> String {
        let span = &Uuid::new_v4().simple().to_string()[16..];
        format!("00-{}-{span}-01", self.0)
    }
}

impl Api {
    pub(crate) fn new(http: Client, url: &str) -> Self {
        Self { http, url: url.trim_end_matches('/').to_owned() }
    }

    /// Places an order of that kind.
    pub(crate) async fn place(&self, kind: &Kind) -> Result<(Order, Trace), Problem> {
        let trace = Trace::new();
        let total: Value = serde_json::from_str(kind.total).unwrap_or_default();
        let order = json!({ "userId": USER, "total": total });
        let request = self.http.post(format!("{}/orders", self.url)).json(&order);
        let request = request.header("traceparent", trace.parent());
        Ok((self.answer(request.header("idempotency-key", Uuid::now_v7().to_string())).await?, trace))
    }

    /// Takes an order back.
    pub(crate) async fn cancel(&self, order_id: &str) -> Result<Order, Problem> {
        self.answer(self.http.post(format!("{}/orders/{order_id}/cancel", self.url))).await
    }

    /// One order.
    pub(crate) async fn order(&self, order_id: &str) -> Result<Order, Problem> {
        self.answer(self.http.get(format!("{}/orders/{order_id}", self.url))).await
    }

    /// The newest orders.
    pub(crate) async fn latest(&self, limit: usize) -> Result<Vec<Order>, Problem> {
        let page: Page = self.answer(self.http.get(format!("{}/orders?limit={limit}", self.url))).await?;
        Ok(page.orders)
    }

    async fn answer<T: for<'a> Deserialize<'a>>(&self, request: RequestBuilder) -> Result<T, Problem> {
        let response = request.timeout(ANSWER).send().await.map_err(|error| {
            tracing::debug!(%error, "the order service does not answer");
            Problem::order_service_away()
        })?;
        if !response.status().is_success() {
            return Err(refusal(response).await);
        }
        response.json().await.map_err(|_| Problem::order_service_unclear())
    }
}

/// In the API's own words.
async fn refusal(response: Response) -> Problem {
    let status = StatusCode::from_u16(response.status().as_u16()).unwrap_or(StatusCode::BAD_GATEWAY);
    let is_problem = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|content_type| content_type.as_bytes().starts_with(b"application/problem+json"));
    match response.json().await {
        Ok(problem) if is_problem => Problem::of_the_api(status, problem),
        _ => Problem::order_service_unclear(),
    }
}
