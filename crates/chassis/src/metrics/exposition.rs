//! The two text formats that Prometheus asks for, and which of them it gets.
//!
//! What is registered is written as OpenMetrics. The older format has the sample's name in `# TYPE`, where OpenMetrics has
//! the family's, and knows neither units nor an end:
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>, <https://prometheus.io/docs/specs/om/open_metrics_spec/>.

use std::fmt;

use axum::http::{HeaderMap, header};
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::registry::Registry;

/// A format of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exposition {
    OpenMetrics,
    Text,
}

impl Exposition {
    /// What the client takes; the older one only if it names that one and not the other.
    pub(crate) fn accepted(headers: &HeaderMap) -> Self {
        let lists = || headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let names = |format: &str| {
            lists().flat_map(|list| list.split(',')).any(|range| {
                let mut parts = range.split(';').map(str::trim);
                parts.next() == Some(format) && parts.all(|part| part != "q=0")
            })
        };
        let older = names("text/plain") && !names("application/openmetrics-text");
        if older { Self::Text } else { Self::OpenMetrics }
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    pub(crate) fn write(self, registry: &Registry, queues: &sqs::Metrics) -> Result<String, fmt::Error> {
        let mut metrics = queues.open_metrics();
        encode_registry(&mut metrics, registry)?;
        encode_eof(&mut metrics)?;
        Ok(match self {
            Self::OpenMetrics => metrics,
            Self::Text => as_text(&metrics),
        })
    }
}

fn as_text(metrics: &str) -> String {
    let mut text = String::with_capacity(metrics.len());
    // Of the family whose `# HELP` has been read and whose `# TYPE` has not.
    let mut help = None;
    for line in metrics.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ');
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            let suffix = if kind == "counter" { "_total" } else { "" };
            if let Some((_, words)) = help.take() {
                text.extend(["# HELP ", name, suffix, " ", words, "\n"]);
            }
            text.extend(["# TYPE ", name, suffix, " ", kind, "\n"]);
        } else if !line.starts_with('#') {
            text.extend([line, "\n"]);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;
    use prometheus_client::metrics::gauge::Gauge;
    use prometheus_client::registry::Unit;

    use super::*;

    #[test]
    fn a_counter_has_its_samples_name_in_the_older_format() {
        let mut registry = Registry::default();
        registry.register("orders", "Orders so far", Counter::<u64>::default());
        registry.register_with_unit("oldest", "How old", Unit::Seconds, Gauge::<i64>::default());
        let mut text = String::new();
        encode_registry(&mut text, &registry).unwrap();
        assert_eq!(
            as_text(&text),
            "# HELP orders_total Orders so far.\n# TYPE orders_total counter\norders_total 0\n\
             # HELP oldest_seconds How old.\n# TYPE oldest_seconds gauge\noldest_seconds 0\n"
        );
    }

    #[test]
    fn who_asks_for_the_older_format_alone_gets_it() {
        let accepted = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            Exposition::accepted(&headers)
        };
        let prometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                          application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.1";
        for openmetrics in [prometheus, "*/*", "text/html"] {
            assert_eq!(accepted(openmetrics), Exposition::OpenMetrics, "{openmetrics}");
        }
        for text in ["text/plain;version=0.0.4;q=0.5,*/*;q=0.1", "text/plain, application/openmetrics-text;q=0"] {
            assert_eq!(accepted(text), Exposition::Text, "{text}");
        }
        assert_eq!(Exposition::accepted(&HeaderMap::new()), Exposition::OpenMetrics);
    }
}
