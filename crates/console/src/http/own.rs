//! Who is answered: the console's own page, under one of its own names, and nobody else.
//!
//! - A `Host` that is not ours is a name that somebody else has made to lead here (DNS rebinding).
//! - An `Origin` that is not the page's own is another site's script. A browser sends it with every POST and with every
//!   request across sites that a script makes.
//! - `Sec-Fetch-Site` says the same of requests that have no origin, such as that of an image or a link:
//!   <https://www.w3.org/TR/fetch-metadata/>.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN};
use axum::http::uri::Authority;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// This machine, by whatever port it is reached.
const THIS_MACHINE: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The names beside this machine's own.
#[derive(Clone, Debug)]
pub(super) struct OwnNames(pub(super) Arc<[String]>);

pub(super) async fn only_own(State(names): State<OwnNames>, request: Request, next: Next) -> Response {
    match names.check(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

impl OwnNames {
    fn check(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let host = once(headers, &HOST).ok_or_else(Problem::host_not_ours)?;
        let authority: Authority = host.parse().map_err(|_| Problem::host_not_ours())?;
        // The parser takes any text for a port.
        let port_is_one = authority.as_str() == authority.host() || authority.port_u16().is_some();
        if authority.as_str().contains('@') || !port_is_one || !self.is_own(authority.host()) {
            return Err(Problem::host_not_ours());
        }
        if headers.contains_key(ORIGIN) {
            let origin = once(headers, &ORIGIN).unwrap_or("null");
            let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
            if !authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host)) {
                return Err(Problem::from_elsewhere());
            }
        }
        let own = |site: &HeaderValue| site == "same-origin" || site == "none";
        if headers.get_all(SEC_FETCH_SITE).iter().all(own) { Ok(()) } else { Err(Problem::from_elsewhere()) }
    }

    fn is_own(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        THIS_MACHINE.contains(&host.as_str()) || self.0.contains(&host)
    }
}

/// Said once, and readable.
fn once<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut all = headers.get_all(name).iter();
    let value = all.next()?.to_str().ok()?;
    all.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(headers: &[(&'static str, &str)]) -> bool {
        let names = OwnNames(Arc::new(["console.test".to_owned()]));
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        names.check(&headers.collect()).is_ok()
    }

    #[test]
    fn only_own_names_are_answered_to() {
        for own in ["localhost:3000", "127.0.0.1:3000", "[::1]:3000", "LOCALHOST", "console.test:80"] {
            assert!(answered(&[("host", own)]), "{own}");
        }
        for other in ["evil.test:3000", "localhost.evil.test", "127.0.0.2", "user@localhost:3000", "", "localhost:x"] {
            assert!(!answered(&[("host", other)]), "{other}");
        }
        assert!(!answered(&[]));
        assert!(!answered(&[("host", "localhost"), ("host", "evil.test")]));
    }

    #[test]
    fn only_the_page_itself_may_ask() {
        let host = ("host", "localhost:3000");
        for own in ["http://localhost:3000", "https://localhost:3000"] {
            assert!(answered(&[host, ("origin", own)]), "{own}");
        }
        for other in
            ["null", "http://evil.test", "http://localhost:3001", "http://127.0.0.1:3000", "localhost:3000", ""]
        {
            assert!(!answered(&[host, ("origin", other)]), "{other}");
        }
        for own in ["same-origin", "none"] {
            assert!(answered(&[host, ("sec-fetch-site", own)]), "{own}");
        }
        for other in ["cross-site", "same-site", "", "same-origin, cross-site"] {
            assert!(!answered(&[host, ("sec-fetch-site", other)]), "{other}");
        }
    }
}
