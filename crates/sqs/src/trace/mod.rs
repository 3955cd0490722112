//! One trace from the HTTP request through both queues: W3C trace context, and the spans of what is done in it.
//!
//! Where nobody exports spans, contexts go on all the same, and so do the ids in the logs.
//! <https://www.w3.org/TR/trace-context/#traceparent-header>

mod span;

use std::fmt;
use std::str::FromStr;

use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{Link, SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use opentelemetry_sdk::propagation::TraceContextPropagator;

pub use span::{OpenSpan, Tracer};

pub(crate) static TRACER: Tracer = Tracer::of("sqs");

/// The message attribute, and the HTTP header, that carries it.
pub const TRACEPARENT: &str = "traceparent";

/// Which trace, and which span within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: TraceId,
    /// Invalid: none of this trace's spans has begun yet.
    span_id: SpanId,
    flags: TraceFlags,
}

/// A `traceparent` that does not follow the specification.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a W3C traceparent")]
pub struct InvalidTraceparent;

impl TraceContext {
    /// A new trace, sampled, that has no span yet.
    pub fn root() -> Self {
        let trace_id = TraceId::from(fastrand::u128(1..));
        Self { trace_id, span_id: SpanId::INVALID, flags: TraceFlags::SAMPLED }
    }

    /// What the caller sent, or a new trace if it sent nothing usable.
    pub fn continue_from(traceparent: Option<&str>) -> Self {
        traceparent.and_then(|text| text.parse().ok()).unwrap_or_else(Self::root)
    }

    /// The trace id, as it is written in logs.
    pub fn trace_id(&self) -> String {
        self.trace_id.to_string()
    }

    /// The span id, as it is written in logs.
    pub fn span_id(&self) -> String {
        self.span_id.to_string()
    }

    fn of(context: &SpanContext) -> Self {
        Self { trace_id: context.trace_id(), span_id: context.span_id(), flags: context.trace_flags() }
    }

    fn remote(&self) -> Option<SpanContext> {
        let context = SpanContext::new(self.trace_id, self.span_id, self.flags, true, TraceState::NONE);
        context.is_valid().then_some(context)
    }

    /// What a span that continues this has for its parent. The first one of a trace has none.
    fn as_parent(&self) -> Context {
        self.remote().map_or_else(Context::new, |parent| Context::new().with_remote_span_context(parent))
    }

    pub(crate) fn link(&self) -> Option<Link> {
        self.remote().map(Link::with_context)
    }

    /// The context of a span that nobody exports.
    fn unexported(self) -> Self {
        Self { span_id: SpanId::from(fastrand::u64(1..)), ..self }
    }
}

/// The one header that a propagator is shown, and fills.
struct Header(String);

impl Extractor for Header {
    fn get(&self, key: &str) -> Option<&str> {
        (key == TRACEPARENT).then_some(self.0.as_str())
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}

impl Injector for Header {
    fn set(&mut self, key: &str, value: String) {
        if key == TRACEPARENT {
            self.0 = value;
        }
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut header = Header(String::new());
        // There is no way to write that a trace has no span yet.
        let written = if self.span_id == SpanId::INVALID { self.unexported() } else { *self };
        TraceContextPropagator::new().inject_context(&written.as_parent(), &mut header);
        f.write_str(&header.0)
    }
}

impl FromStr for TraceContext {
    type Err = InvalidTraceparent;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Not the current context: what cannot be read would give that one.
        let read = TraceContextPropagator::new().extract_with_context(&Context::new(), &Header(text.to_owned()));
        let span = read.span();
        if span.span_context().is_valid() { Ok(Self::of(span.span_context())) } else { Err(InvalidTraceparent) }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::SpanKind;

    use super::*;

    #[test]
    fn a_child_stays_in_its_trace_although_nobody_exports_it() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let child = TRACER.begin("work", SpanKind::Internal, TraceContext::continue_from(Some(parent))).context();
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
            "00-gbf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(bad.parse::<TraceContext>(), Err(InvalidTraceparent), "{bad}");
            assert_ne!(TraceContext::continue_from(Some(bad)).trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        }
    }
}
