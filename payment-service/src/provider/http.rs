//! The payment provider behind `PAYMENT_PROVIDER_URL`.

use std::time::Duration;

use chassis::trace::OpenSpan;
use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;
use opentelemetry_semantic_conventions::attribute;
use reqwest::header::HeaderMap;
use reqwest::{Client, Response};
use serde::Serialize;
use sqs::TraceContext;
use uuid::Uuid;

use super::{Charge, Charged, ProviderUrl, Refund, Refunded, TRACER, Trouble, answer};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_secs(10);

/// Charges and refunds over HTTP.
pub struct HttpProvider {
    client: Client,
    provider: ProviderUrl,
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
        Ok(Self { client, provider: url })
    }

    pub(super) async fn charge(&self, charge: &Charge) -> Result<Charged, Trouble> {
        let Charge { order_id, amount, .. } = *charge;
        let (user_id, currency) = (charge.user_id.as_str(), charge.currency.as_str());
        let request = ChargeRequest { order_id, user_id, amount, currency };
        let mut span = self.begin_span("charges", charge.trace);
        let answer = match self.post("charges", order_id.to_string(), &request, &mut span).await {
            Ok(response) => answer::of_charge(response).await,
            Err(trouble) => Err(trouble),
        };
        answer.inspect_err(|trouble| trouble.tell(&mut span))
    }

    pub(super) async fn refund(&self, refund: &Refund) -> Result<Refunded, Trouble> {
        let Refund { order_id, amount, .. } = *refund;
        let request = RefundRequest { order_id, amount, currency: refund.currency.as_str() };
        let mut span = self.begin_span("refunds", refund.trace);
        let answer = match self.post("refunds", format!("refund-{order_id}"), &request, &mut span).await {
            Ok(response) => answer::of_refund(response).await,
            Err(trouble) => Err(trouble),
        };
        answer.inspect_err(|trouble| trouble.tell(&mut span))
    }

    async fn post(
        &self,
        what: &str,
        key: String,
        request: &impl Serialize,
        span: &mut OpenSpan,
    ) -> Result<Response, Trouble> {
        let request = self.client.post(self.provider.below(what)).header("Idempotency-Key", key).json(request);
        let mut trace = HeaderMap::new();
        chassis::trace::pass_on(&span.context(), &mut trace);
        let response = request.headers(trace).send().await.map_err(answer::unanswered)?;
        span.set(attribute::HTTP_RESPONSE_STATUS_CODE, i64::from(response.status().as_u16()));
        Ok(response)
    }

    fn begin_span(&self, what: &'static str, parent: TraceContext) -> OpenSpan {
        let mut span = TRACER.begin(format!("POST /{what}"), SpanKind::Client, parent);
        span.describe(|| {
            let url = self.provider.below(what);
            vec![
                KeyValue::new(attribute::HTTP_REQUEST_METHOD, "POST"),
                KeyValue::new(attribute::URL_FULL, self.provider.shown_below(what)),
                KeyValue::new(attribute::URL_TEMPLATE, format!("/{what}")),
                KeyValue::new(attribute::SERVER_ADDRESS, url.host_str().unwrap_or_default().to_owned()),
                KeyValue::new(attribute::SERVER_PORT, url.port_or_known_default().map_or(0, i64::from)),
            ]
        });
        span
    }
}
