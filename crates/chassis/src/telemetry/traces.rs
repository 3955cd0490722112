//! Exporting traces, as OpenTelemetry's variables say:
//! <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>.
//!
//! What only the SDK and its exporter have a use for they read themselves: `OTEL_RESOURCE_ATTRIBUTES`,
//! `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_EXPORTER_OTLP_TIMEOUT`, `OTEL_BSP_…`, `OTEL_SPAN_…_LIMIT`.

use std::time::Duration;

use opentelemetry::{Key, KeyValue, global};
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use opentelemetry_semantic_conventions::resource::{SERVICE_NAME, SERVICE_VERSION};

use super::exporter::TellingExporter;
use super::sampler::LinkedSampler;
use crate::Configuration;

/// How long the last export may take: the second that a process has left after its [parts](crate::shutdown).
const LAST_EXPORT: Duration = Duration::from_secs(1);
const EXAMPLE: &str = "http://localhost:4318";

/// Where traces go to, and which.
#[derive(Clone, Debug)]
pub(super) struct Traces {
    /// An OTLP/HTTP address for traces; none: they are not exported.
    endpoint: Option<String>,
    sampler: LinkedSampler,
    /// `OTEL_SERVICE_NAME`
    service: Option<String>,
}

/// Traces that are being exported.
pub(super) struct Exporting(SdkTracerProvider);

impl Traces {
    pub(super) fn read(configuration: &mut Configuration) -> Self {
        let base = configuration.url("OTEL_EXPORTER_OTLP_ENDPOINT", EXAMPLE);
        let own = configuration.url("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://localhost:4318/v1/traces");
        configuration.read("OTEL_EXPORTER_OTLP_PROTOCOL", (), |protocol| {
            if protocol == "http/protobuf" {
                Ok(())
            } else {
                Err("must be http/protobuf, which is all that is spoken here")
            }
        });
        let disabled =
            configuration.read("OTEL_SDK_DISABLED", false, |value| match value.to_ascii_lowercase().as_str() {
                "true" => Ok(true),
                "false" => Ok(false),
                _ => Err("must be true or false"),
            });
        let sampler = LinkedSampler::read(configuration);
        let service = configuration.read("OTEL_SERVICE_NAME", None, |name| Ok::<_, String>(Some(name.to_owned())));
        let base = base.map(|base| format!("{}/v1/traces", base.trim_end_matches('/')));
        Self { endpoint: own.or(base).filter(|_| !disabled), sampler, service }
    }

    /// Exports what all of the process's tracers begin from now on.
    pub(super) fn start(&self, service: &'static str) -> Result<Option<Exporting>, ExporterBuildError> {
        let Some(endpoint) = &self.endpoint else { return Ok(None) };
        crate::tls::install_provider();
        let exporter =
            SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary).with_endpoint(endpoint).build()?;
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(TellingExporter::new(exporter))
            .with_sampler(self.sampler.clone())
            .with_resource(self.resource(service))
            .build();
        global::set_tracer_provider(provider.clone());
        Ok(Some(Exporting(provider)))
    }

    /// What the SDK finds in the environment goes before what is known here.
    fn resource(&self, service: &'static str) -> Resource {
        let found = Resource::builder().build();
        let named = found.get(&Key::new(SERVICE_NAME)).filter(|name| !name.as_str().starts_with("unknown_service"));
        let name = self.service.clone().map(Into::into).or(named).unwrap_or_else(|| service.into());
        let version = found.get(&Key::new(SERVICE_VERSION)).unwrap_or_else(|| env!("CARGO_PKG_VERSION").into());
        let own = [KeyValue::new(SERVICE_NAME, name), KeyValue::new(SERVICE_VERSION, version)];
        Resource::builder().with_attributes(own).build()
    }
}

impl Exporting {
    pub(super) fn end(self) {
        if let Err(error) = self.0.shutdown_with_timeout(LAST_EXPORT) {
            tracing::warn!(%error, "the last traces were not exported");
        }
    }
}
