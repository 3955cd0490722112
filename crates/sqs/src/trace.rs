//! W3C trace context: one trace from the HTTP request through both queues.
//!
//! <https://www.w3.org/TR/trace-context/#traceparent-header>

use std::fmt;
use std::str::FromStr;

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The message attribute, and the HTTP header, that carries it.
pub const TRACEPARENT: &str = "traceparent";

/// A `traceparent`: which trace, and which span within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: u128,
    span_id: u64,
    flags: u8,
}

/// A `traceparent` that does not follow the specification.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a W3C traceparent")]
pub struct InvalidTraceparent;

impl TraceContext {
    /// A new trace, sampled.
    pub fn root() -> Self {
        Self { trace_id: fastrand::u128(1..), span_id: fastrand::u64(1..), flags: 1 }
    }

    /// What the caller sent, or a new trace if it sent nothing usable.
    pub fn continue_from(traceparent: Option<&str>) -> Self {
        traceparent.and_then(|text| text.parse().ok()).unwrap_or_else(Self::root)
    }

    /// Begins work that continues this context within `span`, and returns the context that those after it continue. Where
    /// traces are exported, the two are the exported spans; where not, the trace goes on all the same.
    pub fn begin(self, span: &Span) -> Self {
        let flags = TraceFlags::new(self.flags);
        let (trace_id, span_id) = (TraceId::from(self.trace_id), SpanId::from(self.span_id));
        let parent = SpanContext::new(trace_id, span_id, flags, true, TraceState::NONE);
        // It fails where nothing is exported.
        let _ = span.set_parent(Context::new().with_remote_span_context(parent));
        let exported = span.context();
        let exported = exported.span().span_context().clone();
        if exported.is_valid() {
            let ids = (exported.trace_id().to_bytes(), exported.span_id().to_bytes());
            let (trace_id, span_id) = (u128::from_be_bytes(ids.0), u64::from_be_bytes(ids.1));
            Self { trace_id, span_id, flags: exported.trace_flags().to_u8() }
        } else {
            Self { span_id: fastrand::u64(1..), ..self }
        }
    }

    /// The trace id, as it is written in logs.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace_id)
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, self.flags)
    }
}

impl FromStr for TraceContext {
    type Err = InvalidTraceparent;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut fields = text.split('-');
        let mut hex = |digits: usize| {
            let field = fields.next().filter(|field| field.len() == digits).ok_or(InvalidTraceparent)?;
            let lowercase_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            if !field.bytes().all(lowercase_hex) {
                return Err(InvalidTraceparent);
            }
            u128::from_str_radix(field, 16).map_err(|_| InvalidTraceparent)
        };
        let version = hex(2)?;
        let (trace_id, span_id, flags) = (hex(32)?, hex(16)?, hex(2)?);
        // Later versions may append fields; version ff is forbidden, and ids of zero are invalid.
        let complete = version != 0 || fields.next().is_none();
        if version == 0xff || trace_id == 0 || span_id == 0 || !complete {
            return Err(InvalidTraceparent);
        }
        Ok(Self { trace_id, span_id: span_id as u64, flags: flags as u8 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_stays_in_its_trace() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let child = TraceContext::continue_from(Some(parent)).begin(&Span::none());
        assert_eq!(child.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_ne!(child.to_string(), parent);
        assert_eq!(child.to_string().parse(), Ok(child));
    }

    #[test]
    fn what_is_not_a_traceparent_starts_a_new_trace() {
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(bad.parse::<TraceContext>(), Err(InvalidTraceparent), "{bad}");
            assert_ne!(TraceContext::continue_from(Some(bad)).trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        }
    }
}
