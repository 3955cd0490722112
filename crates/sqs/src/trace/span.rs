//! Spans, as OpenTelemetry's API has them. They go nowhere until a process has set a tracer provider.

use std::borrow::Cow;
use std::fmt;
use std::sync::OnceLock;
use std::time::SystemTime;

use opentelemetry::global::{self, BoxedSpan, BoxedTracer};
use opentelemetry::trace::{Span, SpanBuilder, SpanKind, Status};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_semantic_conventions::attribute;

use super::TraceContext;
use crate::call::messaging;

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
        let span = SpanBuilder::from_name(name).with_kind(kind);
        OpenSpan::of(span.start_with_context(self.tracer(), &parent.as_parent()), parent)
    }

    /// Begins the creation of a message to `queue` that is about `subject`: what comes of the message continues it.
    pub fn create(&self, queue: &str, subject: impl fmt::Display, parent: TraceContext) -> OpenSpan {
        let mut span = self.begin(format!("create {queue}"), SpanKind::Producer, parent);
        span.describe(|| {
            let mut attributes = messaging("create", queue);
            attributes.push(KeyValue::new(attribute::MESSAGING_MESSAGE_CONVERSATION_ID, subject.to_string()));
            attributes
        });
        span
    }

    /// A call that began at `begun` and has no parent: it is about messages of many traces, created in `created`.
    pub(crate) fn call(&self, name: String, begun: SystemTime, created: &[TraceContext]) -> OpenSpan {
        let links = created.iter().filter_map(TraceContext::link).collect();
        let span = SpanBuilder::from_name(name).with_kind(SpanKind::Client).with_start_time(begun).with_links(links);
        OpenSpan::of(span.start_with_context(self.tracer(), &Context::new()), TraceContext::root())
    }

    fn tracer(&self) -> &BoxedTracer {
        self.tracer.get_or_init(|| global::tracer(self.scope))
    }
}

/// A span that ends when it is dropped.
pub struct OpenSpan {
    span: BoxedSpan,
    context: TraceContext,
}

impl OpenSpan {
    fn of(span: BoxedSpan, parent: TraceContext) -> Self {
        let exported = span.span_context();
        // Where nobody exports, the API hands out the parent once more.
        let own = exported.is_valid() && exported.span_id() != parent.span_id;
        let context = if own { TraceContext::of(exported) } else { parent.unexported() };
        Self { span, context }
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
