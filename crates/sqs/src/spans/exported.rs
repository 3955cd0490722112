//! Spans, as OpenTelemetry's API has them. They go nowhere until a process has set a tracer provider.

use std::sync::OnceLock;
use std::time::SystemTime;

use opentelemetry::global::{self, BoxedSpan, BoxedTracer};
use opentelemetry::trace::{
    Link, Span, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_semantic_conventions::attribute;

use crate::error::QueueError;
use crate::operation::About;
use crate::trace::TraceContext;

/// The provider must be set before the first span.
fn tracer() -> &'static BoxedTracer {
    static TRACER: OnceLock<BoxedTracer> = OnceLock::new();
    TRACER.get_or_init(|| global::tracer("sqs"))
}

/// A message's processing, from the receive to the settlement, however often it is tried in place. A child of the message's
/// creation, and so in the trace of whoever caused it. The span ends when this is dropped.
pub(crate) struct Processing {
    span: BoxedSpan,
    context: TraceContext,
}

impl Processing {
    pub(crate) fn begin(queue: &str, message_id: &str, parent: TraceContext) -> Self {
        let span = SpanBuilder::from_name(format!("process {queue}")).with_kind(SpanKind::Consumer);
        let remote = remote(&parent);
        let around = remote.map_or_else(Context::new, |parent| Context::new().with_remote_span_context(parent));
        let mut span = span.start_with_context(tracer(), &around);
        if span.is_recording() {
            span.set_attributes(messaging("process", queue));
            span.set_attribute(KeyValue::new(attribute::MESSAGING_MESSAGE_ID, message_id.to_owned()));
        }
        let context = own_context(span.span_context(), parent);
        Self { span, context }
    }

    /// What follows from the message continues it.
    pub(crate) fn context(&self) -> TraceContext {
        self.context
    }

    /// It has failed: `error_type` is one of few words, `reason` is for people.
    pub(crate) fn fail(&mut self, error_type: &'static str, reason: &str) {
        fail(&mut self.span, error_type, reason.to_owned());
    }
}

/// Tells of a call that began at `begun` and is over. It has no parent: it is about messages of many traces.
pub(crate) fn tell_call(
    name: &'static str,
    queue: &str,
    url: Option<String>,
    begun: SystemTime,
    about: About,
    error: Option<&QueueError>,
) {
    let links = about.created.iter().filter_map(remote).map(Link::with_context).collect();
    let span = SpanBuilder::from_name(format!("{name} {queue}"));
    let span = span.with_kind(SpanKind::Client).with_start_time(begun).with_links(links);
    let mut span = span.start_with_context(tracer(), &Context::new());
    if !span.is_recording() {
        return;
    }
    span.set_attributes(messaging(name, queue));
    span.set_attribute(KeyValue::new(attribute::MESSAGING_BATCH_MESSAGE_COUNT, about.messages as i64));
    span.set_attributes(about.message_id.map(|id| KeyValue::new(attribute::MESSAGING_MESSAGE_ID, id)));
    span.set_attributes(url.iter().flat_map(|url| server(url)));
    span.set_attributes(url.map(|url| KeyValue::new(attribute::AWS_SQS_QUEUE_URL, url)));
    match error {
        Some(error) => fail(&mut span, error.error_type(), error.to_string()),
        None if about.failed > 0 => {
            fail(&mut span, "entry-failed", format!("{} of {} entries failed", about.failed, about.messages));
        }
        None => {}
    }
}

/// The context of a span that continues `parent`. Where nobody exports, the API hands out the parent once more.
fn own_context(span: &SpanContext, parent: TraceContext) -> TraceContext {
    let ids = (u128::from_be_bytes(span.trace_id().to_bytes()), u64::from_be_bytes(span.span_id().to_bytes()));
    let own = span.is_valid() && Some(ids) != parent.ids();
    if own { TraceContext::of_span(ids.0, ids.1, span.trace_flags().is_sampled()) } else { parent.child() }
}

fn remote(context: &TraceContext) -> Option<SpanContext> {
    let (trace_id, span_id) = context.ids()?;
    let flags = TraceFlags::default().with_sampled(context.is_sampled());
    Some(SpanContext::new(TraceId::from(trace_id), SpanId::from(span_id), flags, true, TraceState::NONE))
}

fn fail(span: &mut BoxedSpan, error_type: &'static str, reason: String) {
    span.set_attribute(KeyValue::new(attribute::ERROR_TYPE, error_type));
    span.set_status(Status::error(reason));
}

/// What the semantic conventions want of every span about a queue; the operations' names are their types as well.
fn messaging(operation: &'static str, queue: &str) -> [KeyValue; 4] {
    [
        KeyValue::new(attribute::MESSAGING_SYSTEM, "aws_sqs"),
        KeyValue::new(attribute::MESSAGING_OPERATION_NAME, operation),
        KeyValue::new(attribute::MESSAGING_OPERATION_TYPE, operation),
        KeyValue::new(attribute::MESSAGING_DESTINATION_NAME, queue.to_owned()),
    ]
}

/// Where a URL leads.
fn server(url: &str) -> Vec<KeyValue> {
    let Some((scheme, rest)) = url.split_once("://") else { return Vec::new() };
    let authority = rest.split('/').next().unwrap_or_default();
    let (address, port) =
        match authority.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?))) {
            Some((host, port)) => (host, port),
            None => (authority, if scheme == "http" { 80 } else { 443 }),
        };
    vec![
        KeyValue::new(attribute::SERVER_ADDRESS, address.to_owned()),
        KeyValue::new(attribute::SERVER_PORT, i64::from(port)),
    ]
}
