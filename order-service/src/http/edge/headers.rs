//! Security headers and CORS.

use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::CorsLayer;
use tower_http::set_header::SetResponseHeaderLayer;

/// Swagger UI styles itself inline; everything else comes from this origin.
const CONTENT_SECURITY_POLICY: &str =
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";

type SetHeader = SetResponseHeaderLayer<HeaderValue>;

pub(super) fn secure() -> (SetHeader, SetHeader, SetHeader, SetHeader, SetHeader) {
    let always = |name, value| SetHeader::overriding(name, HeaderValue::from_static(value));
    (
        always(header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        always(header::X_FRAME_OPTIONS, "DENY"),
        always(header::REFERRER_POLICY, "no-referrer"),
        always(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        // An order's status changes; what one person sees is not for a shared cache.
        SetHeader::if_not_present(header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    )
}

/// A list of origins, separated by commas.
pub(super) fn origins(list: &str) -> Result<Vec<HeaderValue>, &'static str> {
    let origin = |text: &str| {
        let (scheme, host) = text.split_once("://")?;
        let usable = matches!(scheme, "http" | "https") && !host.is_empty() && !host.contains(['/', '*', ' ']);
        usable.then(|| HeaderValue::from_str(text).ok())?
    };
    let origins: Option<Vec<HeaderValue>> = list.split(',').map(|text| origin(text.trim())).collect();
    origins.ok_or("must be origins such as https://shop.example, separated by commas")
}

pub(super) fn cors(origins: &[HeaderValue]) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(origins.to_vec())
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static("idempotency-key"),
            HeaderName::from_static("traceparent"),
        ])
        .expose_headers([header::LOCATION, header::RETRY_AFTER, HeaderName::from_static("idempotent-replayed")])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_and_a_host() {
        assert_eq!(origins("https://a.example, http://localhost:3000").map(|origins| origins.len()), Ok(2));
        for bad in
            ["*", "a.example", "https://a.example/", "https://*.example", "https://a.example,", "ftp://a.example"]
        {
            assert!(origins(bad).is_err(), "{bad}");
        }
    }
}
