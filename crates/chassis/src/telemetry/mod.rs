//! Logs: one line per event on standard output, ids as fields. `RUST_LOG` filters, `LOG_FORMAT` chooses the shape.
//! Traces: to an OTLP endpoint, if there is one (`traces`).

mod exporter;
mod sampler;
mod traces;

use std::io::IsTerminal;
use std::str::FromStr;

use opentelemetry_otlp::ExporterBuildError;
use tracing::Subscriber;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::Configuration;
use traces::{Exporting, Traces};

/// What is logged unless `RUST_LOG` says otherwise. The libraries' own lines would only repeat what ours say.
pub const DEFAULT_FILTER: &str = "info,aws=warn,hyper=warn,opentelemetry=warn,sqlx=warn";

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
    traces: Traces,
}

/// Somebody in the process who hears what is logged, whatever the filter says.
pub type Listener = Box<dyn Layer<Registry> + Send + Sync>;

/// Telemetry that has been started. To be ended when there is nothing more to tell.
#[must_use]
pub struct Started {
    traces: Option<Exporting>,
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
    /// Reads `RUST_LOG`, `LOG_FORMAT` and what OpenTelemetry's own variables say of traces.
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
        Self { filter, format, traces: Traces::read(configuration) }
    }

    /// Starts logging, and exporting traces as those of `service` unless `OTEL_SERVICE_NAME` says otherwise; once per
    /// process, before its first span, and outside of any async runtime.
    pub fn start(&self, service: &'static str) -> Result<Started, StartError> {
        tracing_subscriber::registry().with(EnvFilter::new(&self.filter)).with(self.lines()).try_init()?;
        Ok(Started { traces: self.traces.start(service)? })
    }

    /// The same, and `listener` hears everything from level `info` on.
    pub fn start_with(&self, service: &'static str, listener: Listener) -> Result<Started, StartError> {
        let lines = self.lines().with_filter(EnvFilter::new(&self.filter));
        tracing_subscriber::registry().with(listener.with_filter(LevelFilter::INFO)).with(lines).try_init()?;
        Ok(Started { traces: self.traces.start(service)? })
    }

    /// What writes them to standard output.
    fn lines<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> Box<dyn Layer<S> + Send + Sync> {
        match self.format {
            LogFormat::Pretty => {
                let layer = tracing_subscriber::fmt::layer().with_target(false).compact();
                layer.with_ansi(std::io::stdout().is_terminal()).boxed()
            }
            LogFormat::Json => {
                let layer =
                    json_subscriber::fmt::layer().with_target(false).with_current_span(false).with_span_list(false);
                layer.flatten_event(true).flatten_span_list_on_top_level(true).boxed()
            }
        }
    }
}

impl Started {
    /// Exports what has not been exported yet. Outside of any async runtime, as it waits for the endpoint.
    pub fn end(self) {
        if let Some(traces) = self.traces {
            traces.end();
        }
    }
}
