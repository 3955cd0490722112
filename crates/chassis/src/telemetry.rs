//! Logs: one line per event on standard output, ids as fields. `RUST_LOG` filters, `LOG_FORMAT` chooses the shape.
//! Traces: to an OTLP endpoint, if there is one.

use std::io::IsTerminal;
use std::str::FromStr;
use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::Configuration;

/// What is logged unless `RUST_LOG` says otherwise. The libraries' own lines would only repeat what ours say.
pub const DEFAULT_FILTER: &str = "info,aws=warn,hyper=warn,opentelemetry=warn,sqlx=warn";

/// How long the last export may take: the second that a process has left after its [parts](crate::shutdown).
const LAST_EXPORT: Duration = Duration::from_secs(1);

/// The shape of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// A JSON object, all fields on its top level.
    Json,
    /// For people.
    #[default]
    Pretty,
}

impl FromStr for LogFormat {
    type Err = &'static str;

    fn from_str(format: &str) -> Result<Self, Self::Err> {
        match format {
            "json" => Ok(Self::Json),
            "pretty" => Ok(Self::Pretty),
            _ => Err("must be json or pretty"),
        }
    }
}

/// What to log, and how; where to export traces to.
#[derive(Clone, Debug)]
pub struct Telemetry {
    filter: String,
    format: LogFormat,
    /// The base URL of an OTLP endpoint; none: traces are not exported.
    otlp_endpoint: Option<String>,
}

/// Telemetry that has been started. To be ended when there is nothing more to tell.
#[must_use]
pub struct Started {
    traces: Option<SdkTracerProvider>,
}

/// Why telemetry could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The exporter could not be built.
    #[error("traces cannot be exported to OTEL_EXPORTER_OTLP_ENDPOINT: {0}")]
    Exporter(#[from] ExporterBuildError),
    /// Logging has been started before.
    #[error(transparent)]
    Twice(#[from] TryInitError),
}

impl Telemetry {
    /// Reads `RUST_LOG`, `LOG_FORMAT` and `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub fn load(configuration: &mut Configuration) -> Self {
        Self::load_with(configuration, DEFAULT_FILTER)
    }

    /// The same with another default for `RUST_LOG`.
    pub fn load_with(configuration: &mut Configuration, default_filter: &str) -> Self {
        let filter = configuration.read("RUST_LOG", default_filter.to_owned(), |filter| {
            let usable = EnvFilter::try_new(filter).map(|_| filter.to_owned());
            usable.map_err(|_| "must be a filter such as info,sqs=debug")
        });
        let format = configuration.read("LOG_FORMAT", LogFormat::default(), str::parse);
        let otlp_endpoint = configuration.url("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318");
        Self { filter, format, otlp_endpoint }
    }

    /// Starts logging, and exporting traces as those of `service`; once per process, and outside of any async runtime.
    pub fn start(&self, service: &'static str) -> Result<Started, StartError> {
        let traces = self.otlp_endpoint.as_deref().map(|endpoint| exporter(endpoint, service)).transpose()?;
        let exporting =
            traces.as_ref().map(|traces| tracing_opentelemetry::layer().with_tracer(traces.tracer(service)));
        let registry = tracing_subscriber::registry().with(EnvFilter::new(&self.filter)).with(exporting);
        match self.format {
            LogFormat::Pretty => {
                let layer = tracing_subscriber::fmt::layer().with_target(false).compact();
                registry.with(layer.with_ansi(std::io::stdout().is_terminal())).try_init()?;
            }
            LogFormat::Json => {
                let layer =
                    json_subscriber::fmt::layer().with_target(false).with_current_span(false).with_span_list(false);
                registry.with(layer.flatten_event(true).flatten_span_list_on_top_level(true)).try_init()?;
            }
        }
        Ok(Started { traces })
    }
}

impl Started {
    /// Exports what has not been exported yet. Outside of any async runtime, as it waits for the endpoint.
    pub fn end(self) {
        if let Some(Err(error)) = self.traces.map(|traces| traces.shutdown_with_timeout(LAST_EXPORT)) {
            tracing::warn!(%error, "the last traces were not exported");
        }
    }
}

fn exporter(endpoint: &str, service: &'static str) -> Result<SdkTracerProvider, ExporterBuildError> {
    crate::tls::install_provider();
    let exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
        .build()?;
    let resource = Resource::builder().with_service_name(service).build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}
