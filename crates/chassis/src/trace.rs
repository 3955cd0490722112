//! Spans of what a service does itself. They go nowhere until the process has set a tracer provider; the traces'
//! contexts go on all the same.

use std::borrow::Cow;
use std::fmt;
use std::sync::OnceLock;

use axum::http::HeaderMap;
use opentelemetry::global::{self, BoxedSpan, BoxedTracer};
use opentelemetry::propagation::{Injector, TextMapPropagator};
use opentelemetry::trace::{
    Span, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_http::{HeaderExtractor, HeaderInjector};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_semantic_conventions::attribute;
use sqs::TraceContext;

/// Begins the spans of one part of a process. Its provider must be set before the first one.
pub struct Tracer {
    scope: &'static str,
    tracer: OnceLock<BoxedTracer>,
}

impl Tracer {
    /// The tracer of the part `scope`.
    pub const fn of(scope: &'static str) -> Self {
        Self { scope, tracer: OnceLock::new() }
    }

    /// Begins work that continues `parent`.
    pub fn begin(&self, name: impl Into<Cow<'static, str>>, kind: SpanKind, parent: TraceContext) -> OpenSpan {
        let tracer = self.tracer.get_or_init(|| global::tracer(self.scope));
        let span = SpanBuilder::from_name(name).with_kind(kind);
        OpenSpan::of(span.start_with_context(tracer, &as_parent(&parent)), parent)
    }

    /// Begins the creation of a message to `queue` that is about `subject`: what comes of the message continues it.
    pub fn create(&self, queue: &str, subject: impl fmt::Display, parent: TraceContext) -> OpenSpan {
        let mut span = self.begin(format!("create {queue}"), SpanKind::Producer, parent);
        span.describe(|| {
            vec![
                KeyValue::new(attribute::MESSAGING_SYSTEM, "aws_sqs"),
                KeyValue::new(attribute::MESSAGING_OPERATION_NAME, "create"),
                KeyValue::new(attribute::MESSAGING_OPERATION_TYPE, "create"),
                KeyValue::new(attribute::MESSAGING_DESTINATION_NAME, queue.to_owned()),
                KeyValue::new(attribute::MESSAGING_MESSAGE_CONVERSATION_ID, subject.to_string()),
            ]
        });
        span
    }
}

/// A span that ends when it is dropped.
pub struct OpenSpan {
    span: BoxedSpan,
    context: TraceContext,
}

impl OpenSpan {
    fn of(span: BoxedSpan, parent: TraceContext) -> Self {
        let context = own_context(span.span_context()).filter(|own| own.ids() != parent.ids());
        // Where nobody exports, the API hands out the parent once more.
        Self { span, context: context.unwrap_or_else(|| parent.child()) }
    }

    /// What follows from this continues it.
    pub fn context(&self) -> TraceContext {
        self.context
    }

    /// Says more of it, if anybody is to hear.
    pub fn describe(&mut self, attributes: impl FnOnce() -> Vec<KeyValue>) {
        if self.span.is_recording() {
            self.span.set_attributes(attributes());
        }
    }

    /// Says one thing more.
    pub fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        self.span.set_attribute(KeyValue::new(key, value));
    }

    /// It has failed: `error_type` is one of few words, `description` is for people.
    pub fn fail(&mut self, error_type: impl Into<Value>, description: impl Into<Cow<'static, str>>) {
        self.set(attribute::ERROR_TYPE, error_type);
        self.span.set_status(Status::error(description));
    }
}

/// What a request with these headers is part of, or a new trace if they bring none.
pub fn continue_from(headers: &HeaderMap) -> TraceContext {
    let brought = TraceContextPropagator::new().extract_with_context(&Context::new(), &HeaderExtractor(headers));
    own_context(brought.span().span_context()).unwrap_or_else(TraceContext::root)
}

/// Has whoever is sent these headers continue `context`.
pub fn pass_on(context: &TraceContext, headers: &mut HeaderMap) {
    TraceContextPropagator::new().inject_context(&as_parent(context), &mut Sent(headers));
}

/// The propagator writes a `tracestate` where there is none, too, and an empty one should not be sent:
/// <https://www.w3.org/TR/trace-context/#tracestate-header>.
struct Sent<'a>(&'a mut HeaderMap);

impl Injector for Sent<'_> {
    fn set(&mut self, name: &str, value: String) {
        if !value.is_empty() {
            HeaderInjector(self.0).set(name, value);
        }
    }
}

/// What a span that continues `context` has for its parent. The first one of a trace has none.
fn as_parent(context: &TraceContext) -> Context {
    let Some((trace_id, span_id)) = context.ids() else { return Context::new() };
    let flags = TraceFlags::default().with_sampled(context.is_sampled());
    let parent = SpanContext::new(TraceId::from(trace_id), SpanId::from(span_id), flags, true, TraceState::NONE);
    Context::new().with_remote_span_context(parent)
}

fn own_context(span: &SpanContext) -> Option<TraceContext> {
    let (trace_id, span_id) = (span.trace_id().to_bytes(), span.span_id().to_bytes());
    let (trace_id, span_id) = (u128::from_be_bytes(trace_id), u64::from_be_bytes(span_id));
    span.is_valid().then(|| TraceContext::of_span(trace_id, span_id, span.trace_flags().is_sampled()))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    fn headers(traceparent: &str) -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static(sqs::trace::TRACEPARENT), traceparent.parse().unwrap())])
    }

    #[test]
    fn a_child_stays_in_its_trace_although_nobody_exports_it() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let tracer = Tracer::of("tests");
        let child = tracer.begin("work", SpanKind::Internal, TraceContext::continue_from(Some(parent))).context();
        assert_eq!(child.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_ne!(child.to_string(), parent);
        assert_eq!(child.to_string().parse(), Ok(child));
    }

    #[test]
    fn headers_bring_what_a_message_with_that_traceparent_would() {
        for traceparent in [
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-brings",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "not a traceparent",
            "",
        ] {
            let brought = continue_from(&headers(traceparent));
            match traceparent.parse::<TraceContext>() {
                Ok(read) => assert_eq!(brought, read, "{traceparent}"),
                Err(_) => assert_eq!(brought.ids(), None, "{traceparent} begins a new trace"),
            }
        }
        assert_eq!(continue_from(&HeaderMap::new()).ids(), None);
    }

    #[test]
    fn headers_take_what_a_message_would_and_nothing_else() {
        for traceparent in ["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "none"] {
            let context = TraceContext::continue_from(Some(traceparent)).child();
            let mut sent = HeaderMap::new();
            pass_on(&context, &mut sent);
            assert_eq!(sent, headers(&context.to_string()));
        }
    }
}
