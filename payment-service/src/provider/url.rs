//! `PAYMENT_PROVIDER_URL`.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;

/// Where the provider is; shown without user, password and path.
#[derive(Clone, PartialEq, Eq)]
pub struct ProviderUrl(Url);

/// What is not a provider's URL.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an http:// or https:// URL without query, such as https://payments.example")]
pub struct InvalidProviderUrl;

impl FromStr for ProviderUrl {
    type Err = InvalidProviderUrl;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        let url: Url = url.parse().map_err(|_| InvalidProviderUrl)?;
        let usable = ["http", "https"].contains(&url.scheme()) && url.has_host() && !url.cannot_be_a_base();
        if !usable || url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidProviderUrl);
        }
        Ok(Self(url))
    }
}

impl ProviderUrl {
    /// Where something is asked for, below it.
    pub(super) fn below(&self, what: &str) -> Url {
        let mut url = self.0.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push(what);
        }
        url
    }

    /// The same as a span shows it: what may be a secret is replaced, in the words of the semantic conventions for `url.full`.
    pub(super) fn shown_below(&self, what: &str) -> String {
        let Self(url) = self;
        let user = if url.username().is_empty() && url.password().is_none() { "" } else { "REDACTED:REDACTED@" };
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let path = if url.path() == "/" { "" } else { "/REDACTED" };
        format!("{}://{user}{}{port}{path}/{what}", url.scheme(), url.host_str().unwrap_or_default())
    }
}

impl fmt::Display for ProviderUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.0.scheme(), self.0.host_str().unwrap_or_default())
    }
}

impl fmt::Debug for ProviderUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_of_the_url_is_shown() {
        let url: ProviderUrl = "https://user:s3cret@pay.example/t0ken".parse().unwrap();
        assert_eq!((url.to_string(), format!("{url:?}")), ("https://pay.example".into(), "https://pay.example".into()));
        assert_eq!(url.shown_below("charges"), "https://REDACTED:REDACTED@pay.example/REDACTED/charges");
    }

    #[test]
    fn where_there_is_no_secret_the_whole_url_is_shown() {
        for url in ["http://localhost:9000", "https://pay.example", "http://[::1]:9000/"] {
            let url: ProviderUrl = url.parse().unwrap();
            assert_eq!(url.shown_below("charges"), url.below("charges").to_string());
        }
    }

    #[test]
    fn charges_are_sent_below_the_configured_url() {
        let charges = |url: &str| url.parse::<ProviderUrl>().map(|url| url.below("charges").to_string());
        assert_eq!(charges("http://localhost:9000"), Ok("http://localhost:9000/charges".to_owned()));
        assert_eq!(charges("https://pay.example/v1/"), Ok("https://pay.example/v1/charges".to_owned()));
        for bad in ["", "localhost:9000", "ftp://pay.example", "https://pay.example?key=1", "mailto:a@b"] {
            assert_eq!(charges(bad), Err(InvalidProviderUrl), "{bad}");
        }
    }
}
