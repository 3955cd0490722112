//! The payment provider behind `PAYMENT_PROVIDER_URL`.

use std::time::Duration;

use reqwest::{Client, Response, Url};
use serde::Serialize;
use uuid::Uuid;

use super::{Charge, Charged, ProviderUrl, Refund, Refunded, Trouble, answer};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_secs(10);

/// Charges and refunds over HTTP.
pub struct HttpProvider {
    client: Client,
    charges: Url,
    refunds: Url,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ChargeRequest<'a> {
    order_id: Uuid,
    user_id: &'a str,
    amount: i64,
    currency: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RefundRequest<'a> {
    order_id: Uuid,
    amount: i64,
    currency: &'a str,
}

impl HttpProvider {
    /// A client of the provider at `url`.
    pub fn new(url: ProviderUrl) -> Result<Self, reqwest::Error> {
        chassis::tls::install_provider();
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            // A charge must not be sent to wherever an answer points.
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { client, charges: url.below("charges"), refunds: url.below("refunds") })
    }

    pub(super) async fn charge(&self, charge: &Charge) -> Result<Charged, Trouble> {
        let Charge { order_id, amount, .. } = *charge;
        let (user_id, currency) = (charge.user_id.as_str(), charge.currency.as_str());
        let request = ChargeRequest { order_id, user_id, amount, currency };
        answer::of_charge(self.post(&self.charges, order_id.to_string(), &request).await?).await
    }

    pub(super) async fn refund(&self, refund: &Refund) -> Result<Refunded, Trouble> {
        let Refund { order_id, amount, .. } = *refund;
        let request = RefundRequest { order_id, amount, currency: refund.currency.as_str() };
        answer::of_refund(self.post(&self.refunds, format!("refund-{order_id}"), &request).await?).await
    }

    async fn post(&self, url: &Url, key: String, request: &impl Serialize) -> Result<Response, Trouble> {
        let request = self.client.post(url.clone()).header("Idempotency-Key", key).json(request);
        request.send().await.map_err(answer::unanswered)
    }
}
