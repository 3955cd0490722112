//! An answer, read whole.

use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, Url};
use serde_json::Value;

/// Words that tell what the service is made of.
const INTERNALS: [&str; 10] =
    ["serde", "sqlx", "sqlite", "postgres", "axum", "hyper", "tokio", "rust", "panic", "expected"];

#[derive(Debug)]
pub(crate) struct Answer {
    /// Where it came from, after redirects.
    pub(crate) url: Url,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) async fn to(request: RequestBuilder) -> Self {
        Self::try_to(request).await.unwrap()
    }

    pub(crate) async fn try_to(request: RequestBuilder) -> reqwest::Result<Self> {
        let response = request.send().await?;
        let (url, status, headers) = (response.url().clone(), response.status().as_u16(), response.headers().clone());
        Ok(Self { url, status, headers, text: response.text().await? })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The id of the order that was accepted.
    pub(crate) fn accepted(&self) -> String {
        assert_eq!(self.status, 202, "{self:?}");
        self.json()["orderId"].as_str().unwrap().to_owned()
    }

    /// The digits of `total`, which a parsed number would not tell apart.
    pub(crate) fn total(&self) -> &str {
        let (_, rest) = self.text.split_once(r#""total":"#).unwrap();
        rest.split([',', '}']).next().unwrap()
    }

    /// The problem of that status, after checking that it is one of RFC 9457 in words of our own.
    pub(crate) fn problem(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        for member in ["type", "title", "detail"] {
            assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "no {member}: {self:?}");
        }
        assert_eq!(problem["status"], status, "{self:?}");
        for word in INTERNALS {
            assert!(!self.text.to_lowercase().contains(word), "{word:?} is not for clients: {self:?}");
        }
        problem
    }
}
