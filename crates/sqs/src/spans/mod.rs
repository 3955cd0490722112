//! Spans of what is done with messages: with the feature `otel`, as OpenTelemetry's API has them; without it there are none.
//! <https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/>

#[cfg(feature = "otel")]
mod exported;
#[cfg(not(feature = "otel"))]
mod silent;

#[cfg(feature = "otel")]
pub(crate) use exported::{Processing, tell_call};
#[cfg(not(feature = "otel"))]
pub(crate) use silent::{Processing, tell_call};
