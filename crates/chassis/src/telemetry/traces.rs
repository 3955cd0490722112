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
/// Where a collector on this machine listens.
const LOCAL: &str = "http://localhost:4318";

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
        let base = configuration.url("OTEL_EXPORTER_OTLP_ENDPOINT", LOCAL);
        let own = configuration.url("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://localhost:4318/v1/traces");
        let wanted = configuration.read("OTEL_TRACES_EXPORTER", None, |exporter| match exporter {
            "otlp" => Ok(Some(true)),
            "none" => Ok(Some(false)),
            _ => Err("must be otlp or none: nothing else is exported to"),
        });
        let disabled =
            configuration.read("OTEL_SDK_DISABLED", false, |value| match value.to_ascii_lowercase().as_str() {
                "true" => Ok(true),
                "false" => Ok(false),
                _ => Err("must be true or false"),
            });
        let is_exported = wanted != Some(false) && !disabled;
        // The protocol for traces goes before the general one, which then is for others.
        let has_own = read_protocol(configuration, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", is_exported);
        read_protocol(configuration, "OTEL_EXPORTER_OTLP_PROTOCOL", is_exported && !has_own);
        let sampler = LinkedSampler::read(configuration);
        let service = configuration.read("OTEL_SERVICE_NAME", None, |name| Ok::<_, String>(Some(name.to_owned())));
        // Who asks for the exporter and names no endpoint means OpenTelemetry's own default; who does neither wants none.
        let base = base.or_else(|| (wanted == Some(true)).then(|| LOCAL.to_owned()));
        let base = base.map(|base| format!("{}/v1/traces", base.trim_end_matches('/')));
        let endpoint = own.or(base).filter(|_| is_exported);
        Self { endpoint, sampler, service }
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

/// Whether the variable is set; where it `applies`, it must be what is spoken.
fn read_protocol(configuration: &mut Configuration, name: &'static str, applies: bool) -> bool {
    configuration.read(name, false, |protocol| match protocol {
        "http/protobuf" => Ok(true),
        _ if !applies => Ok(true),
        _ => Err("must be http/protobuf, which is all that is spoken here"),
    })
}

impl Exporting {
    pub(super) fn end(self) {
        if let Err(error) = self.0.shutdown_with_timeout(LAST_EXPORT) {
            tracing::warn!(%error, "the last traces were not exported");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::Faults;

    const GRPC: (&str, &str) = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");

    fn endpoint(variables: &[(&str, &str)]) -> Result<Option<String>, Faults> {
        let mut configuration = Configuration::new(variables.iter().copied().collect());
        let traces = Traces::read(&mut configuration);
        configuration.whole(traces.endpoint)
    }

    #[test]
    fn traces_go_where_the_variables_say_and_nowhere_unless_they_say_so() {
        let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/");
        let own = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces:4318/there");
        let exporter = |name| ("OTEL_TRACES_EXPORTER", name);
        let own_protocol = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf");
        for (variables, expected) in [
            (&[][..], None),
            (&[base], Some("http://collector:4318/v1/traces")),
            (&[base, own], Some("http://traces:4318/there")),
            (&[base, exporter("otlp")], Some("http://collector:4318/v1/traces")),
            (&[exporter("otlp")], Some("http://localhost:4318/v1/traces")),
            (&[base, own, exporter("none")], None),
            (&[base, exporter("otlp"), ("OTEL_SDK_DISABLED", "true")], None),
            (&[base, ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")], Some("http://collector:4318/v1/traces")),
            (&[base, GRPC, own_protocol], Some("http://collector:4318/v1/traces")),
            (&[base, GRPC, exporter("none")], None),
            (&[base, GRPC, ("OTEL_SDK_DISABLED", "true")], None),
        ] {
            assert_eq!(endpoint(variables), Ok(expected.map(str::to_owned)), "{variables:?}");
        }
    }

    #[test]
    fn an_exporter_or_a_protocol_that_is_not_there_is_refused_by_its_name() {
        for variable in [("OTEL_TRACES_EXPORTER", "zipkin"), GRPC, ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json")]
        {
            let refused = endpoint(&[variable]).unwrap_err().to_string();
            assert!(refused.starts_with(&format!("{}: must be ", variable.0)), "{refused}");
            assert_eq!(refused.lines().count(), 1, "{refused}");
        }
    }
}
